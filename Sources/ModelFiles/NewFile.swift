import Faults
import Foundation

/// A file that was not there before; it is removed again unless ``finish()`` says that it is whole.
struct NewFile: ~Copyable {
    private let path: String
    private let descriptor: Int32
    private var isFinished = false

    /// Creates the file and follows no link in its place.
    init(path: String) throws(ModelFileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let number = errno
            throw Self.failure(
                "cannot be created", path: path, errorNumber: number,
                hint: number == EEXIST ? "Give another place; nothing is overwritten" : nil)
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(path) }
    }

    /// Writes all of `bytes` from byte `start` of the file on.
    borrowing func write(_ bytes: UnsafeRawBufferPointer, at start: Int) throws(ModelFileError) {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, start + written)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw Self.failure("cannot be written", path: path, errorNumber: errno)
            }
            written += count
        }
    }

    /// Makes the content durable and keeps the file.
    mutating func finish() throws(ModelFileError) {
        guard fsync(descriptor) == 0 else {
            throw Self.failure("cannot be made durable", path: path, errorNumber: errno)
        }
        isFinished = true
    }

    private static func failure(
        _ problem: String, path: String, errorNumber: Int32, hint: String? = nil
    ) -> ModelFileError {
        let isFull = errorNumber == ENOSPC || errorNumber == EDQUOT
        return ModelFileError(
            "\(problem) (\(String(cString: strerror(errorNumber))))", file: path,
            hint: isFull ? "Make room there and start again" : hint,
            exitCode: isFull ? .tryAgain : .badInput)
    }
}
