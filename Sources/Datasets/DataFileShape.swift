import Files
import JSON

/// The beginning of a text whose first record could not be used: what it is instead of JSON lines.
///
/// ``FileKind`` tells binary files by their signatures, before anything is read. What is text is
/// tried first, and looked at only to explain why nothing came of it.
struct DataFileShape {
    private let bytes: [UInt8]
    /// Whether `bytes` are the whole file.
    private let isWhole: Bool
    /// First byte that is not blank.
    private let first: Int

    /// Bytes of a file that are looked at.
    static let headBytes = 1 << 20

    /// - Parameters:
    ///   - text: The beginning of the file, unpacked.
    ///   - isWhole: Whether that is all of it.
    init(_ text: [UInt8], isWhole: Bool) {
        bytes = text.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.dropFirst(3)) : text
        self.isWhole = isWhole
        first = JSONOutline.skipBlanks(bytes, 0)
    }

    /// Line of the first record, or of the first element where the file is an array.
    var firstRecordLine: Int {
        let isArray = first < bytes.count && bytes[first] == UInt8(ascii: "[")
        let place = isArray ? JSONOutline.skipBlanks(bytes, first + 1) : first
        return 1 + bytes[..<min(place, bytes.count)].count { $0 == UInt8(ascii: "\n") }
    }

    /// What it is; `nil` if it looks as it should.
    var kind: FileKind? {
        guard first < bytes.count else { return nil }
        switch bytes[first] {
        case UInt8(ascii: "{"): return object
        case UInt8(ascii: "["): return array
        case UInt8(ascii: "\"") where isJSON(lineRange(from: first)): return Self.textsByLine
        default: return text
        }
    }

    private func lineRange(from start: Int) -> Range<Int> {
        start..<(bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count)
    }

    private func isJSON(_ range: Range<Int>) -> Bool {
        bytes.withUnsafeBytes { bytes in
            (try? JSONValue(json: UnsafeRawBufferPointer(rebasing: bytes[range]))) != nil
        }
    }

    /// The byte that follows place `end` and blanks; `nil` at the end.
    private func next(after end: Int) -> (byte: UInt8, isOnAnotherLine: Bool)? {
        let place = JSONOutline.skipBlanks(bytes, end)
        guard place < bytes.count else { return nil }
        return (bytes[place], bytes[end..<place].contains(UInt8(ascii: "\n")))
    }
}

// MARK: - Objects

extension DataFileShape {
    /// Keys that a record has, so that its object is no wrapping of others.
    private static let recordKeys: Set<String> = [
        "messages", "conversations", "instruction", "input", "output", "prompt", "completion",
        "response", "text", "question", "answer", "context", "role", "from", "content", "value",
    ]

    private var object: FileKind? {
        let inside = JSONOutline.skipBlanks(bytes, first + 1)
        if inside < bytes.count, bytes[inside] == UInt8(ascii: "'") { return Self.pythonRows }
        let outline = JSONOutline(bytes, from: first)
        guard let end = outline.end else { return isWhole ? nil : wrapping(outline) }
        guard isJSON(first..<end) else { return nil }
        let spansLines = bytes[first..<end].contains(UInt8(ascii: "\n"))
        switch next(after: end)?.byte {
        case nil:
            guard isWhole else { return nil }
            return wrapping(outline) ?? (spansLines ? Self.objectsOverLines : nil)
        case UInt8(ascii: ","): return spansLines ? Self.elements : Self.linesWithCommas
        case UInt8(ascii: "{"):
            if spansLines { return Self.objectsOverLines }
            return next(after: end)?.isOnAnotherLine == true ? nil : Self.objectsOnOneLine
        default: return nil
        }
    }

    /// One object that has all records somewhere in it.
    private func wrapping(_ outline: JSONOutline) -> FileKind? {
        let members = outline.members
        guard !members.isEmpty else { return nil }
        let isList = { (member: JSONOutline.Member) in member.opening == UInt8(ascii: "[") }
        if !members.contains(where: { Self.recordKeys.contains($0.key) }) {
            let lists = members.filter {
                isList($0) && $0.inner == UInt8(ascii: "{")
                    && !["role", "from"].contains($0.innerKey)
            }
            if !lists.isEmpty { return Self.wrapped(lists.map(\.key)) }
        }
        if members.allSatisfy({ isList($0) && $0.inner != UInt8(ascii: "{") }) {
            return Self.columns(of: "d.values()")
        }
        guard members.allSatisfy({ $0.opening == UInt8(ascii: "{") }) else { return nil }
        return members.allSatisfy { $0.innerKey == "0" }
            ? Self.columns(of: "(c.values() for c in d.values())") : Self.keyed
    }

    private static func rows(_ name: String, _ rows: String, _ row: String = "r") -> FileKind {
        FileKind(
            name,
            data: "Convert it: python3 -c \"import json, sys; [print(json.dumps(\(row))) for r in "
                + "\(rows)]\" FILE > OUT")
    }

    private static let content = "json.load(open(sys.argv[1]))"
    private static let lines = "map(json.loads, open(sys.argv[1]))"

    private static func wrapped(_ keys: [String]) -> FileKind {
        let isPlain = { (key: String) in
            key.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains($0)
            }
        }
        let shown = keys.prefix(4).map { isPlain($0) ? "'\($0)'" : "a key" }
        let key = keys.first.flatMap { isPlain($0) ? $0 : nil } ?? "KEY"
        return rows(
            "one JSON object whose \(shown.joined(separator: ", ")) "
                + "\(keys.count == 1 ? "holds" : "hold") the records",
            content + "['\(key)']")
    }

    private static func columns(of values: String) -> FileKind {
        FileKind(
            "one JSON object of columns",
            data: "Convert it: python3 -c \"import json, sys; d = \(content); [print(json.dumps("
                + "dict(zip(d, r)))) for r in zip(*\(values))]\" FILE > OUT")
    }

    private static let keyed = rows(
        "one JSON object whose values are the records", content + ".values()")
    private static let pythonRows = FileKind(
        "Python's way to write rows (with '), which is not JSON",
        data: "Convert it: python3 -c \"import ast, json, sys; [print(json.dumps("
            + "ast.literal_eval(l))) for l in open(sys.argv[1]) if l.strip()]\" FILE > OUT")
    private static let objectsOverLines = FileKind(
        "JSON whose objects run over several lines", data: "Convert it: jq -c . FILE > OUT")
    private static let objectsOnOneLine = FileKind(
        "JSON with several objects on one line", data: "Convert it: jq -c . FILE > OUT")
    private static let linesWithCommas = FileKind(
        "JSON lines that end with commas",
        data: "Convert it: sed 's/,[[:space:]]*$//' FILE > OUT")
    private static let elements = FileKind(
        "JSON objects with commas between them and no [ ] around them",
        data: "Convert it: (echo '['; sed '$s/,[[:space:]]*$//' FILE ; echo ']') > OUT")
}

// MARK: - Arrays

extension DataFileShape {
    /// Whether another array follows the first one, so that they are lines.
    var hasSeveralArrays: Bool {
        guard first < bytes.count, bytes[first] == UInt8(ascii: "[") else { return false }
        let end = JSONOutline(bytes, from: first).end
        return end.flatMap { next(after: $0)?.byte } == UInt8(ascii: "[")
    }

    private var array: FileKind? {
        let second = JSONOutline.skipBlanks(bytes, first + 1)
        guard second < bytes.count else { return nil }
        guard !isWhole || JSONOutline(bytes, from: first).end != nil else { return nil }
        let isByLine = hasSeveralArrays
        let rows = isByLine ? Self.lines : Self.content
        switch bytes[second] {
        case UInt8(ascii: "\"") where !isByLine:
            return Self.rows("a JSON array of texts", rows, "{'text': r}")
        case UInt8(ascii: "{"):
            return messages(at: second, isByLine: isByLine)
        case UInt8(ascii: "["):
            let third = JSONOutline.skipBlanks(bytes, second + 1)
            guard !isByLine, third < bytes.count, bytes[third] != UInt8(ascii: "[") else {
                return nil
            }
            if bytes[third] == UInt8(ascii: "{") {
                return Self.rows(
                    "a JSON array of conversations without a key", rows, "{'messages': r}")
            }
            return Self.rows(
                "a JSON array of arrays, a table without names of columns", rows, Self.named)
        default:
            return isByLine
                ? Self.rows(
                    "JSON arrays by line, a table without names of columns", rows, Self.named)
                : nil
        }
    }

    private static let named = "dict(zip(['instruction', 'output'], r))"

    private static let arraysByLine = FileKind(
        "JSON arrays by line", data: "Convert it: jq -c '.[]' FILE > OUT")

    private static let textsByLine = rows("JSON lines of texts", lines, "{'text': r}")

    /// Messages in a bare list.
    private func messages(at place: Int, isByLine: Bool) -> FileKind? {
        let key = JSONOutline.string(bytes, at: JSONOutline.skipBlanks(bytes, place + 1))
        guard key == "role" || key == "from" || key == "content" || key == "value" else {
            return isByLine ? Self.arraysByLine : nil
        }
        let name = key == "role" || key == "content" ? "messages" : "conversations"
        return isByLine
            ? Self.rows("conversations by line without a key", Self.lines, "{'\(name)': r}")
            : Self.rows(
                "one conversation without a key", "[\(Self.content)]", "{'\(name)': r}")
    }
}

// MARK: - Other texts

extension DataFileShape {
    private var text: FileKind? {
        let head = bytes[first...].prefix(4096)
        let isBinary = head.contains {
            $0 < 0x20 && !(0x09...0x0D).contains($0) && $0 != 0x1B
        }
        guard !isBinary else {
            return FileKind("a binary file of a kind that is not known here", data: nil)
        }
        let lines = String(decoding: bytes[first...].prefix(1 << 16), as: UTF8.self)
            .split(whereSeparator: \.isNewline).prefix(3).map(String.init)
        guard let head = lines.first else { return nil }
        if head.hasPrefix("#") || head.hasPrefix("//"),
            lines.dropFirst().first?.hasPrefix("{") == true
        {
            return FileKind(
                "JSON lines after a comment, which JSON has not",
                data: "Convert it: sed '1d' FILE > OUT")
        }
        for (delimiter, name) in Self.delimiters
        where Self.isTable(lines, delimiter) {
            return Self.table(name, delimiter)
        }
        if head.hasPrefix("- ") || head == "---" || Self.isMapping(lines) {
            return Self.rows(
                "YAML", "yaml.safe_load(open(sys.argv[1]))", importing: "json, sys, yaml")
        }
        return FileKind(
            "plain text",
            data: "To learn each line as a text: python3 -c \"import json, sys; [print(json.dumps("
                + "{'text': l.rstrip()})) for l in open(sys.argv[1]) if l.strip()]\" FILE > OUT")
    }

    private static let delimiters: [(Character, String)] = [
        ("\t", "TSV"), (",", "CSV"), (";", "CSV with semicolons"),
    ]

    /// Whether the first line names columns, and the second has as many or opens a longer field.
    private static func isTable(_ lines: [String], _ delimiter: Character) -> Bool {
        guard let head = lines.first else { return false }
        let fields = head.split(separator: delimiter, omittingEmptySubsequences: false).map {
            $0.trimmingBlanksAndQuotes
        }
        guard fields.count > 1, fields.allSatisfy({ $0.count <= 40 && !$0.hasSuffix(".") }) else {
            return false
        }
        if fields.contains(where: { recordKeys.contains($0.lowercased()) }) { return true }
        guard lines.count > 1 else { return false }
        return lines[1].filter { $0 == delimiter }.count >= fields.count - 1
            || lines[1].hasPrefix("\"")
    }

    private static func table(_ name: String, _ delimiter: Character) -> FileKind {
        let option = delimiter == "," ? "" : ", delimiter='\(delimiter == "\t" ? "\\t" : ";")'"
        return rows(
            name, "csv.DictReader(open(sys.argv[1], newline='')\(option))",
            importing: "csv, json, sys")
    }

    /// Whether it begins as a mapping of YAML does.
    private static func isMapping(_ lines: [String]) -> Bool {
        guard let head = lines.first, let colon = head.firstIndex(of: ":") else { return false }
        let key = head[..<colon]
        let rest = head[head.index(after: colon)...]
        return !key.isEmpty && !key.contains(" ") && (rest.isEmpty || rest.hasPrefix(" "))
    }

    private static func rows(_ name: String, _ rows: String, importing modules: String) -> FileKind
    {
        FileKind(
            name,
            data: "Convert it: python3 -c \"import \(modules); [print(json.dumps(r)) for r in "
                + "\(rows)]\" FILE > OUT")
    }
}

extension Substring {
    fileprivate var trimmingBlanksAndQuotes: String {
        let cut = { (character: Character) in character.isWhitespace || character == "\"" }
        return String(drop(while: cut).reversed().drop(while: cut).reversed())
    }
}
