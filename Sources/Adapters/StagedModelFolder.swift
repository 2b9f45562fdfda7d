import Faults
import Files
import Foundation

/// A folder under construction beside the place where it will stand.
struct StagedModelFolder {
    /// Where to write.
    let path: String
    private let destination: String
    private let parent: String

    /// - Throws: ``AdapterError`` if something stands at `destination`, or nothing can be made
    ///   beside it.
    init(for destination: String) throws(AdapterError) {
        let url = URL(fileURLWithPath: destination).standardizedFileURL
        self.destination = url.path
        parent = url.deletingLastPathComponent().path
        if let names = try? FileManager.default.contentsOfDirectory(atPath: url.path) {
            guard names.isEmpty else {
                throw AdapterError(
                    destination, "is not empty (\(names.sorted()[0]))",
                    hint: "Give a new or empty folder as --out; nothing is overwritten")
            }
        } else if FileManager.default.fileExists(atPath: url.path) {
            throw AdapterError(
                destination, "is in the way", hint: "Give a new or empty folder as --out")
        }
        path = "\(parent)/.\(url.lastPathComponent).merging-\(randomHexadecimal())"
        guard mkdir(path, 0o755) == 0 else {
            throw AdapterError(placing: .system(errno, "cannot be created", at: path))
        }
    }

    /// Gives the folder its name; durable when it returns.
    func publish() throws(AdapterError) {
        do throws(FileError) {
            try DurableFiles.synchronize(folder: path)
            // Fails by itself if somebody has put something there meanwhile.
            guard rename(path, destination) == 0 else {
                throw .system(errno, "cannot take its place", at: destination)
            }
            try DurableFiles.synchronize(folder: parent)
        } catch {
            throw AdapterError(placing: error)
        }
    }

    /// Takes everything away again.
    func discard() { try? FileManager.default.removeItem(atPath: path) }
}

extension AdapterError {
    /// What the error of a folder beside `--out` says, as this room's.
    fileprivate init(placing error: FileError) {
        self.init(
            error.location ?? "", error.problem,
            hint: error.exitCode == .tryAgain
                ? error.hint : "--out must lie in a folder that exists and may be written to",
            exitCode: error.exitCode)
    }
}
