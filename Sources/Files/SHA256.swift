import CLibCrypto

/// SHA-256, over bytes that come piece by piece or at once.
///
/// Source: FIPS 180-4. OpenSSL's libcrypto computes it with the processor's own instructions, where
/// it has them.
public struct SHA256: ~Copyable {
    private let context: OpaquePointer

    /// Looked up once: the look-up takes longer than the digest of a short record. Never changed.
    private nonisolated(unsafe) static let algorithm: OpaquePointer = {
        guard let algorithm = clibcrypto_sha256() else {
            fatalError("libcrypto has no SHA-256: it is damaged, or of another version")
        }
        return algorithm
    }()

    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, Self.algorithm, nil) == 1
        else { fatalError("no memory for a SHA-256") }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// What was hashed, in 32 bytes.
    public struct Digest: Sendable, Hashable {
        public let bytes: [UInt8]

        /// 64 digits in lower case, as `sha256sum` prints them.
        public var hexadecimal: String { bytes.hexadecimal }
    }

    /// Adds what comes next.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let isDone = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
        precondition(isDone, "libcrypto failed in a SHA-256")
    }

    /// Adds what comes next.
    public mutating func update(_ bytes: some Collection<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable {
            update(UnsafeRawBufferPointer($0))
        }
        if isDone == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// The digest of all that was added.
    public consuming func finalize() -> Digest {
        var isDone = false
        let bytes = [UInt8](unsafeUninitializedCapacity: 32) { bytes, count in
            isDone = EVP_DigestFinal_ex(context, bytes.baseAddress, nil) == 1
            count = 32
        }
        precondition(isDone, "libcrypto failed in a SHA-256")
        return Digest(bytes: bytes)
    }

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
