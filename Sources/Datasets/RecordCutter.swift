import Files
import Foundation

/// Some consecutive records of a file, not parsed yet.
struct RecordBlock {
    struct Item {
        /// Of the block's bytes; empty if the record is too long.
        var range: Range<Int>
        /// Position among the file's records, from 0.
        var row: Int
        /// Line where it begins, from 1.
        var line: Int
        /// Bytes of the record.
        var byteCount: Int
    }

    var bytes: [UInt8] = []
    var items: [Item] = []
    /// Whether the file is one JSON array.
    var isArray = false
}

/// Cuts a data file into records without parsing them: lines of JSONL, or elements of one array.
///
/// One pass, no recursion, and no more of the file in memory than a block: it looks only for
/// brackets, strings and line ends. What a record holds is judged when it is parsed.
struct RecordCutter {
    let path: String
    private let stream: DecompressedStream
    private var scan = ArrayScan()
    /// Text that has been read and not been given out.
    private var text: [UInt8] = []
    private var isAtEnd = false
    private var isArray: Bool?
    private var line = 1
    private var row = 0
    /// Bytes of a record that is too long, which have been dropped.
    private var dropped = 0
    private var failure: DatasetError?

    static let blockBytes = 1 << 20

    init(path: String, stream: DecompressedStream) {
        self.path = path
        self.stream = stream
    }

    /// The next records; `nil` after the last ones.
    ///
    /// - Throws: ``DatasetError`` if the file cannot be read, or as a whole is no array, so that
    ///   nothing can be skipped. Records before that place have been given out.
    mutating func next() throws(DatasetError) -> RecordBlock? {
        if let failure { throw failure }
        while true {
            if !isAtEnd, text.count < Self.blockBytes || scan.isWaiting {
                isAtEnd = !(try stream.read(Self.blockBytes, into: &text))
            }
            guard let isArray = try beginning() else { return nil }
            var block = RecordBlock(isArray: isArray)
            if isArray {
                do throws(DatasetError) {
                    try cutElements(into: &block)
                } catch {
                    failure = error
                    guard !block.items.isEmpty else { throw error }
                }
            } else {
                cutLines(into: &block)
            }
            if !block.items.isEmpty { return block }
            if isAtEnd && (isArray ? scan.stage == .afterArray : text.isEmpty && dropped == 0) {
                return nil
            }
        }
    }

    /// Whether the file is an array; `nil` if it ends before that can be seen.
    private mutating func beginning() throws(DatasetError) -> Bool? {
        if let isArray { return isArray }
        try requireText()
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { text.removeFirst(3) }
        while true {
            if let first = text.firstIndex(where: { !Self.isBlank($0) }) {
                isArray = text[first] == UInt8(ascii: "[")
                if isArray == true {
                    line += text[..<first].count { $0 == UInt8(ascii: "\n") }
                    text.removeFirst(first + 1)
                }
                return isArray
            }
            guard !isAtEnd else { return nil }
            line += text.count { $0 == UInt8(ascii: "\n") }
            text.removeAll(keepingCapacity: true)
            isAtEnd = !(try stream.read(Self.blockBytes, into: &text))
        }
    }

    /// - Throws: ``DatasetError`` that calls the file what it is, if it is of a kind that cannot hold
    ///   records. Whether bad lines are skipped does not matter: it has no lines.
    private func requireText() throws(DatasetError) {
        let found = text.withUnsafeBytes {
            FileKind.of(UnsafeRawBufferPointer(rebasing: $0.prefix(4096)))
        }
        guard let kind = found else { return }
        guard stream.packing != .plain else {
            throw DatasetError("is \(kind.name)", at: path, hint: kind.dataHint(path: path))
        }
        let advice = DataPath.unpacking(path, stream.packing)
        throw DatasetError(
            "is packed by \(stream.packing.rawValue), and what is packed is \(kind.name)", at: path,
            hint: "Unpack it first: \(advice.command)"
                + (kind.dataHint(path: advice.path).map { ". \($0)" } ?? ""))
    }

    // MARK: Lines

    private mutating func cutLines(into block: inout RecordBlock) {
        let end = isAtEnd ? text.count : (lastLineFeed().map { $0 + 1 } ?? 0)
        guard end > 0 || (isAtEnd && dropped > 0) else {
            // A record without end: what is too long is dropped, and only counted.
            if text.count > Record.maximumBytes || dropped > 0 {
                dropped += text.count
                text.removeAll(keepingCapacity: true)
            }
            scan.isWaiting = true
            return
        }
        scan.isWaiting = false
        var rest = text.count == end ? [] : Array(text[end...])
        text.removeSubrange(end...)
        swap(&rest, &text)
        block.bytes = rest
        let cut = block.bytes
        cut.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let feed = Self.lineFeed(in: bytes, from: start)
                let range = start..<(feed ?? bytes.count)
                start = (feed ?? bytes.count) + 1
                defer { line += 1 }
                let byteCount = range.count + dropped
                guard dropped > 0 || !bytes[range].allSatisfy(Self.isBlank) else { continue }
                let isTooLong = byteCount > Record.maximumBytes
                block.items.append(
                    RecordBlock.Item(
                        range: isTooLong ? 0..<0 : range, row: row, line: line,
                        byteCount: byteCount))
                dropped = 0
                row += 1
            }
        }
        if isAtEnd, dropped > 0 {
            block.items.append(
                RecordBlock.Item(range: 0..<0, row: row, line: line, byteCount: dropped))
            dropped = 0
        }
    }

    private func lastLineFeed() -> Int? {
        text.withUnsafeBytes { $0.lastIndex(of: UInt8(ascii: "\n")) }
    }

    private static func lineFeed(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        bytes.baseAddress.flatMap { base in
            memchr(base + start, Int32(UInt8(ascii: "\n")), bytes.count - start).map {
                UnsafeRawPointer($0) - base
            }
        }
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\n")
    }

    // MARK: Elements

    private mutating func cutElements(into block: inout RecordBlock) throws(DatasetError) {
        let from = scan.offset
        scan.offset = text.count
        var start = 0
        var trouble: DatasetError?
        let current = text
        current.withUnsafeBytes { bytes in
            for index in from..<bytes.count {
                let byte = bytes[index]
                switch scan.take(byte, line: line) {
                case .nothing: break
                case .begins:
                    start = index
                    scan.startLine = line
                case .ends:
                    let byteCount = index - start + dropped
                    let isTooLong = byteCount > Record.maximumBytes
                    block.items.append(
                        RecordBlock.Item(
                            range: isTooLong ? 0..<0 : start..<index, row: row,
                            line: scan.startLine, byteCount: byteCount))
                    dropped = 0
                    row += 1
                    start = index + 1
                case .bad(let reason): trouble = bad(reason)
                }
                if trouble != nil { return }
                if byte == UInt8(ascii: "\n") { line += 1 }
            }
        }
        keepRest(from: start, into: &block)
        if let trouble { throw trouble }
        guard isAtEnd else {
            scan.isWaiting = block.items.isEmpty
            return
        }
        guard scan.stage == .afterArray else {
            throw bad("the JSON array does not end; the file is cut off")
        }
    }

    /// The bytes go to the block; an element that has begun stays, or is dropped if it is too long.
    private mutating func keepRest(from start: Int, into block: inout RecordBlock) {
        var rest = scan.stage == .inElement ? Array(text[min(start, text.count)...]) : []
        if rest.count > Record.maximumBytes || (dropped > 0 && scan.stage == .inElement) {
            dropped += rest.count
            rest = []
        }
        scan.offset = rest.count
        swap(&rest, &text)
        if !block.items.isEmpty { block.bytes = rest }
    }

    private func bad(_ reason: String) -> DatasetError {
        DatasetError(
            reason, at: "\(path):\(line)",
            hint: "The whole file must be one JSON array, or one JSON object a line")
    }
}

/// Where in an array the cutter stands; it survives the end of a piece of text.
private struct ArrayScan {
    enum Stage {
        case beforeFirst, beforeElement, inElement, afterArray
    }

    enum Event {
        case nothing, begins, ends
        case bad(String)
    }

    var stage = Stage.beforeFirst
    var startLine = 1
    /// Bytes of the text that have been looked at.
    var offset = 0
    /// Whether no more can be cut without more text.
    var isWaiting = false
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    mutating func take(_ byte: UInt8, line: Int) -> Event {
        switch stage {
        case .inElement: return inside(byte)
        case .afterArray:
            return RecordCutter.isBlank(byte)
                ? .nothing : .bad("text follows the end of the JSON array")
        case .beforeFirst, .beforeElement:
            if RecordCutter.isBlank(byte) { return .nothing }
            if byte == UInt8(ascii: ",") || (byte == UInt8(ascii: "]") && stage == .beforeElement) {
                return .bad("an element of the array is missing")
            }
            if byte == UInt8(ascii: "]") {
                stage = .afterArray
                return .nothing
            }
            stage = .inElement
            if case .bad(let reason) = inside(byte) { return .bad(reason) }
            return .begins
        }
    }

    private mutating func inside(_ byte: UInt8) -> Event {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return .nothing
        }
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: ",") where depth == 0:
            stage = .beforeElement
            return .ends
        case UInt8(ascii: "]") where depth == 0:
            stage = .afterArray
            return .ends
        case UInt8(ascii: "}") where depth == 0:
            return .bad("a bracket is closed that was not opened")
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        default: break
        }
        return .nothing
    }
}
