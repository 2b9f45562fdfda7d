import Files

/// Reads a GGUF file from front to back; every read is checked against the bytes that remain.
struct GGUFCursor {
    let bytes: UnsafeRawBufferPointer
    let path: String
    private(set) var offset = 0

    init(_ file: MappedFile) {
        bytes = file.bytes
        path = file.path
    }

    var remaining: Int { bytes.count - offset }

    /// A little-endian integer.
    mutating func integer<T: FixedWidthInteger>(
        _ type: T.Type, _ what: @autoclosure () -> String
    ) throws(ModelFileError) -> T {
        try need(MemoryLayout<T>.size, what)
        defer { offset += MemoryLayout<T>.size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// A 64-bit count of things that take at least `bytesEach`, so that a lie is found before
    /// anything is reserved for it.
    mutating func count(
        bytesEach: Int, _ what: @autoclosure () -> String
    ) throws(ModelFileError) -> Int {
        let raw = try integer(UInt64.self, what())
        guard let count = Int(exactly: raw), count <= remaining / bytesEach else {
            throw ModelFileError(
                "says \(raw), but only \(remaining) bytes remain", file: path, part: what(),
                hint: Self.damaged)
        }
        return count
    }

    /// A length and that many bytes of UTF-8.
    mutating func text(_ what: @autoclosure () -> String) throws(ModelFileError) -> String {
        let length = try count(bytesEach: 1, "length of \(what())")
        let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw ModelFileError("is not valid UTF-8", file: path, part: what())
        }
        offset += length
        return text
    }

    private func need(_ count: Int, _ what: () -> String) throws(ModelFileError) {
        guard remaining >= count else {
            throw ModelFileError(
                "the file ends at byte \(bytes.count), inside it", file: path, part: what(),
                hint: Self.damaged)
        }
    }

    static let damaged = "The file is truncated or damaged; fetch it again"
}
