import CZlib
import CZstd

/// The text of a data file: as it stands there, or unpacked from gzip or Zstandard, which are told
/// by the file's first bytes and not by its name.
final class DecompressedStream {
    /// How a file is packed.
    enum Packing: String {
        case plain, gzip, zstd

        init(magic: ArraySlice<UInt8>) {
            if magic.starts(with: [0x1F, 0x8B]) {
                self = .gzip
            } else if magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
                self = .zstd
            } else {
                self = .plain
            }
        }
    }

    let packing: Packing
    private let file: SourceFile
    private var packed = [UInt8](repeating: 0, count: 1 << 18)
    private var unread: Range<Int>
    private var isAtEnd = false
    private var gzip = z_stream()
    /// Whether a gzip member or Zstandard frame has begun and not ended.
    private var isInside = false
    private let zstd: OpaquePointer?

    init(_ file: SourceFile) throws(DatasetError) {
        self.file = file
        let count = try file.readPiece(&packed)
        unread = 0..<count
        packing = Packing(magic: packed[..<count])
        zstd = packing == .zstd ? ZSTD_createDStream() : nil
        let isReady =
            switch packing {
            case .plain: true
            case .gzip: czlib_begin_gzip(&gzip) == Z_OK
            case .zstd: zstd != nil
            }
        guard isReady else {
            throw DatasetError("cannot be unpacked: out of memory", at: file.path)
        }
    }

    deinit {
        if packing == .gzip { inflateEnd(&gzip) }
        ZSTD_freeDStream(zstd)
    }

    /// Adds up to `count` bytes of text to `text`.
    ///
    /// - Returns: `false` at the end of the text.
    /// - Throws: ``DatasetError`` if the file cannot be read or unpacked.
    func read(_ count: Int, into text: inout [UInt8]) throws(DatasetError) -> Bool {
        let start = text.count
        text.append(contentsOf: repeatElement(0, count: count))
        var filled = start
        while filled < text.count {
            if unread.isEmpty && !isAtEnd {
                let count = try file.readPiece(&packed)
                unread = 0..<count
                isAtEnd = count == 0
            }
            if unread.isEmpty && isAtEnd && packing == .plain { break }
            let before = (filled, unread)
            switch packing {
            case .plain: copy(into: &text, &filled)
            case .gzip: try inflateNext(into: &text, &filled)
            case .zstd: try decompressNext(into: &text, &filled)
            }
            if isAtEnd && before == (filled, unread) {
                guard !isInside else {
                    throw DatasetError(
                        "ends in the middle of its \(packing.rawValue) data", at: file.path,
                        hint: "Copy or download the file again")
                }
                break
            }
        }
        text.removeSubrange(filled...)
        return filled > start
    }

    private func copy(into text: inout [UInt8], _ filled: inout Int) {
        let count = min(unread.count, text.count - filled)
        text.withUnsafeMutableBytes { target in
            packed.withUnsafeBytes { source in
                target[filled..<filled + count].copyBytes(
                    from: source[unread.lowerBound..<unread.lowerBound + count])
            }
        }
        unread.removeFirstBytes(count)
        filled += count
    }

    private func inflateNext(into text: inout [UInt8], _ filled: inout Int) throws(DatasetError) {
        let room = text.count - filled
        let available = unread.count
        let first = unread.lowerBound
        let status = packed.withUnsafeMutableBufferPointer { source in
            text.withUnsafeMutableBufferPointer { target -> Int32 in
                gzip.next_in = source.baseAddress.map { $0 + first }
                gzip.avail_in = UInt32(available)
                gzip.next_out = target.baseAddress.map { $0 + filled }
                gzip.avail_out = UInt32(room)
                return inflate(&gzip, Z_NO_FLUSH)
            }
        }
        let taken = available - Int(gzip.avail_in)
        unread.removeFirstBytes(taken)
        filled += room - Int(gzip.avail_out)
        if taken > 0 { isInside = true }
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            isInside = false
            // Members may follow one another.
            inflateReset(&gzip)
        default:
            throw DatasetError(
                "its gzip data is damaged (\(gzip.msg.map { String(cString: $0) } ?? "\(status)"))",
                at: file.path, hint: "Copy or download the file again")
        }
    }

    private func decompressNext(
        into text: inout [UInt8], _ filled: inout Int
    ) throws(DatasetError) {
        var input = ZSTD_inBuffer(src: nil, size: unread.upperBound, pos: unread.lowerBound)
        var output = ZSTD_outBuffer(dst: nil, size: text.count, pos: filled)
        let status = packed.withUnsafeBytes { source in
            text.withUnsafeMutableBytes { target in
                input.src = source.baseAddress
                output.dst = target.baseAddress
                return ZSTD_decompressStream(zstd, &output, &input)
            }
        }
        guard ZSTD_isError(status) == 0 else {
            throw DatasetError(
                "its zstd data is damaged (\(String(cString: ZSTD_getErrorName(status))))",
                at: file.path, hint: "Copy or download the file again")
        }
        if input.pos > unread.lowerBound || output.pos > filled { isInside = status != 0 }
        unread = input.pos..<unread.upperBound
        filled = output.pos
    }
}

extension SourceFile {
    fileprivate func readPiece(_ piece: inout [UInt8]) throws(DatasetError) -> Int {
        // A closure that throws a type cannot be passed through withUnsafeMutableBytes yet.
        let result = piece.withUnsafeMutableBytes { bytes in
            Result { () throws(DatasetError) in try read(into: bytes) }
        }
        return try result.get()
    }
}

extension Range<Int> {
    fileprivate mutating func removeFirstBytes(_ count: Int) {
        self = lowerBound + count..<upperBound
    }
}
