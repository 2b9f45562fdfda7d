/// Cuts a data file into records without parsing them: lines of JSONL, or elements of one array.
///
/// One pass, no recursion: it looks only for brackets, strings and line ends, so depth costs
/// nothing. What a record holds is judged when it is parsed.
struct RecordScanner {
    struct RawRecord {
        /// Position among the file's records, from 0.
        var row: Int
        /// Line where it begins, from 1.
        var line: Int
        var bytes: Slice<UnsafeRawBufferPointer>
    }

    /// Whether the file is one JSON array.
    let isArray: Bool

    private let bytes: UnsafeRawBufferPointer
    private var index: Int
    private var line = 1
    private var row = 0
    private var isFinished = false

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        let hasByteOrderMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
        index = hasByteOrderMark ? 3 : 0
        let first = bytes[index...].first { !Self.isBlank($0) }
        isArray = first == UInt8(ascii: "[")
        if isArray {
            skipBlanks()
            index += 1
        }
    }

    /// The next record; `nil` after the last one.
    ///
    /// - Throws: ``BadArray`` if the file as a whole is no array, so that nothing can be skipped.
    mutating func next() throws(BadArray) -> RawRecord? {
        isArray ? try nextElement() : nextLine()
    }

    /// An array that does not hold together.
    struct BadArray: Error {
        let line: Int
        let reason: String
    }

    private mutating func nextLine() -> RawRecord? {
        while index < bytes.count {
            let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let content = bytes[index..<end]
            let contentLine = line
            index = min(end + 1, bytes.count)
            line += 1
            guard !content.allSatisfy(Self.isBlank) else { continue }
            defer { row += 1 }
            return RawRecord(row: row, line: contentLine, bytes: content)
        }
        return nil
    }

    private mutating func nextElement() throws(BadArray) -> RawRecord? {
        guard !isFinished else { return nil }
        skipBlanks()
        if row == 0, index < bytes.count, bytes[index] == UInt8(ascii: "]") {
            return try finish()
        }
        let (start, startLine) = (index, line)
        try skipElement()
        let element = bytes[start..<index]
        guard !element.allSatisfy(Self.isBlank) else {
            throw BadArray(line: line, reason: "an element of the array is missing")
        }
        let record = RawRecord(row: row, line: startLine, bytes: element)
        row += 1
        if bytes[index] == UInt8(ascii: ",") {
            index += 1
        } else {
            _ = try finish()
        }
        return record
    }

    /// Moves to the comma or bracket after the element that starts here.
    private mutating func skipElement() throws(BadArray) {
        var depth = 0
        var isInString = false
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: "\\") where isInString: index += 1
            case UInt8(ascii: "\""): isInString.toggle()
            case UInt8(ascii: "{") where !isInString, UInt8(ascii: "[") where !isInString:
                depth += 1
            case UInt8(ascii: ",") where !isInString && depth == 0,
                UInt8(ascii: "]") where !isInString && depth == 0:
                return
            case UInt8(ascii: "}") where !isInString && depth == 0:
                throw BadArray(line: line, reason: "a bracket is closed that was not opened")
            case UInt8(ascii: "}") where !isInString, UInt8(ascii: "]") where !isInString:
                depth -= 1
            default: break
            }
            index += 1
        }
        throw BadArray(line: line, reason: "the JSON array does not end; the file is cut off")
    }

    /// After the closing bracket only blanks may stand.
    private mutating func finish() throws(BadArray) -> RawRecord? {
        isFinished = true
        index += 1
        skipBlanks()
        guard index == bytes.count else {
            throw BadArray(line: line, reason: "text follows the end of the JSON array")
        }
        return nil
    }

    private mutating func skipBlanks() {
        while index < bytes.count, Self.isBlank(bytes[index]) {
            if bytes[index] == UInt8(ascii: "\n") { line += 1 }
            index += 1
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\n")
    }
}
