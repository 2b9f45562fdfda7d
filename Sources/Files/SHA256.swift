import Crypto

/// SHA-256, over bytes that come piece by piece or at once.
///
/// Source: FIPS 180-4.
public struct SHA256: ~Copyable {
    private var state = Crypto.SHA256()

    public init() {}

    /// What was hashed, in 32 bytes.
    public struct Digest: Sendable, Hashable {
        public let bytes: [UInt8]

        /// 64 digits in lower case, as `sha256sum` prints them.
        public var hexadecimal: String { bytes.hexadecimal }
    }

    /// Adds what comes next.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        state.update(bufferPointer: bytes)
    }

    /// Adds what comes next.
    public mutating func update(_ bytes: some Collection<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable {
            update(UnsafeRawBufferPointer($0))
        }
        if isDone == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// The digest of all that was added.
    public consuming func finalize() -> Digest { Digest(bytes: Array(state.finalize())) }

    /// The digest of bytes that are there at once.
    public static func digest(of bytes: some Collection<UInt8>) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finalize()
    }

    /// The digest of a file's contents.
    ///
    /// - Throws: ``FileError`` if `path` is no regular file or cannot be read.
    public static func digest(ofFile path: String) throws(FileError) -> Digest {
        let file = try MappedFile(path: path)
        return withExtendedLifetime(file) { digest(of: file.bytes) }
    }
}
