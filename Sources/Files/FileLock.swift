import Glibc

/// An exclusive lock on a file; the system gives it back when its process ends, however it ends.
///
/// Its holder may say in the file who it is. That decides nothing; it is there for whoever finds the
/// lock taken.
public final class FileLock: Sendable {
    private let descriptor: Descriptor

    /// Takes the lock; the file is created if it is missing.
    ///
    /// - Parameters:
    ///   - path: No symbolic link.
    ///   - mayGoWithout: Asked if another process has the lock: whether that one is known to be over,
    ///     as it may be on a host that was cut off.
    /// - Returns: `nil` if another process has it.
    /// - Throws: ``FileError`` if the file cannot be opened.
    public init?(
        path: String, orWithout mayGoWithout: () -> Bool = { false }
    ) throws(FileError) {
        while true {
            let file = try Descriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW, permissions: 0o600)
            let isTaken = flock(file.number, LOCK_EX | LOCK_NB) == 0
            guard isTaken || mayGoWithout() else { return nil }
            // The last holder may have removed the file between the two calls.
            guard try file.status().st_nlink > 0 else { continue }
            descriptor = file
            return
        }
    }

    /// Writes who holds it, in the place of whoever stood there.
    public func name(_ holder: String) {
        try? descriptor.truncate(toBytes: 0)
        try? Array(holder.utf8).withBytes { (bytes) throws(FileError) in
            try descriptor.write(bytes, at: 0)
        }
    }

    /// What the holder of the lock at `path` has written; `nil` if nothing can be read.
    public static func holder(of path: String) -> String? {
        guard let file = try? Descriptor(path, O_RDONLY | O_NOFOLLOW) else { return nil }
        var text = [UInt8](repeating: 0, count: 512)
        let count = text.withUnsafeMutableBytes { (try? file.read(into: $0, at: 0)) ?? 0 }
        return count > 0 ? String(decoding: text[..<count], as: UTF8.self) : nil
    }

    /// Says that the holder is alive.
    public func touch() { futimens(descriptor.number, nil) }

    /// When the holder of the lock at `path` last said that it is alive, by the file system's clock:
    /// two signs that differ are of different times. Empty if there is none.
    public static func lastSign(_ path: String) -> [Int] {
        var status = stat()
        guard stat(path, &status) == 0 else { return [] }
        return [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }

    /// Takes the file away, for a lock that nobody looks for later; the lock goes with its owner.
    public func removeFile() { unlink(descriptor.path) }
}
