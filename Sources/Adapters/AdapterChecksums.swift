import Files
import Foundation

/// `SHA256SUMS` beside an adapter's files, as `sha256sum --check` reads it.
///
/// A run's finished adapter has one. Where it stands it is believed: an adapter whose files are not
/// those that were written is refused. PEFT's own folders have none.
public enum AdapterChecksums {
    public static let fileName = "SHA256SUMS"

    /// - Parameter files: Names and contents, in the order of the lines.
    public static func text(of files: [(name: String, bytes: [UInt8])]) -> String {
        files.map { "\(SHA256.digest(of: $0.bytes).hexadecimal)  \($0.name)\n" }.joined()
    }

    /// Compares an adapter's files with the list beside them, if there is one.
    ///
    /// - Throws: ``AdapterError`` naming the file that is missing or altered, or the line that is no
    ///   checksum.
    public static func check(folder: String) throws(AdapterError) {
        let path = folder + "/" + fileName
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard let data = FileManager.default.contents(atPath: path), data.count < 1 << 20,
            let text = String(validating: data, as: UTF8.self)
        else { throw AdapterError(path, "cannot be read as a list of checksums", hint: advice) }
        var missing: Set<String> = [PEFTAdapter.configurationName, PEFTAdapter.weightsName]
        for (index, line) in text.split(separator: "\n").enumerated() {
            let parts = line.split(separator: " ", maxSplits: 1)
            let name = parts.count == 2 ? parts[1].drop { $0 == " " || $0 == "*" } : ""
            guard parts.first?.utf8.count == 64, !name.isEmpty, !name.contains("/") else {
                throw AdapterError("\(path):\(index + 1)", "is no checksum", hint: advice)
            }
            guard missing.remove(String(name)) != nil else { continue }
            try compare(folder + "/" + name, with: parts[0].lowercased())
        }
        if let name = missing.min() {
            throw AdapterError(path, "does not list \(name)", hint: advice)
        }
    }

    private static let advice =
        "Copy the adapter again; or remove \(fileName), if the files were changed on purpose"

    private static func compare(_ path: String, with wanted: String) throws(AdapterError) {
        let found: String
        do {
            found = try SHA256.digest(ofFile: path).hexadecimal
        } catch {
            throw AdapterError(path, error.problem, hint: advice)
        }
        guard found == wanted else {
            throw AdapterError(
                path, "has SHA-256 \(found.prefix(12)), and \(fileName) says \(wanted.prefix(12))",
                hint: advice)
        }
    }
}
