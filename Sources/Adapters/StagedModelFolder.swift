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
            throw Self.failure("cannot be created", path, errno)
        }
    }

    /// Writes a new file and forces it to the disk.
    static func write(_ bytes: [UInt8], to path: String) throws(AdapterError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot be created", path, errno) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("cannot be written", path, errno) }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw failure("cannot be made durable", path, errno) }
    }

    /// Gives the folder its name; durable when it returns.
    func publish() throws(AdapterError) {
        try Self.synchronize(path)
        // Fails by itself if somebody has put something there meanwhile.
        guard rename(path, destination) == 0 else {
            throw Self.failure("cannot take its place", destination, errno)
        }
        try Self.synchronize(parent)
    }

    /// Takes everything away again.
    func discard() { try? FileManager.default.removeItem(atPath: path) }

    /// Makes the names in a folder durable.
    static func synchronize(_ folder: String) throws(AdapterError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot be opened", folder, errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw failure("cannot be made durable", folder, errno)
        }
    }

    private static func failure(
        _ problem: String, _ path: String, _ errorNumber: Int32
    ) -> AdapterError {
        let isFull = errorNumber == ENOSPC || errorNumber == EDQUOT
        return AdapterError(
            path, "\(problem) (\(String(cString: strerror(errorNumber))))",
            hint: isFull
                ? "Make room there and start again"
                : "--out must lie in a folder that exists and may be written to",
            exitCode: isFull ? .tryAgain : .badInput)
    }
}
