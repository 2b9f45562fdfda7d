import Words

/// The key-value section of a GGUF file.
///
/// Source: ggml `docs/gguf.md`, version 3.
enum GGUFMetadata {
    /// Numbers of the value types.
    private enum Kind: UInt32 {
        case uint8 = 0
        case int8, uint16, int16, uint32, int32, float32, boolean, text, array
        case uint64, int64, float64
    }

    /// A key: its length, at least no bytes; a type; a value of at least one byte.
    static let smallestEntryBytes = 8 + 4 + 1

    /// ggml allows no longer key.
    private static let longestKeyBytes = 65_535

    static func read(
        _ cursor: inout GGUFCursor, count: Int
    ) throws(ModelFileError) -> [String: GGUFValue] {
        var metadata: [String: GGUFValue] = [:]
        for index in 0..<count {
            let key = try cursor.text("metadata key \(index)")
            let part = "metadata key \(key.quoted)"
            guard !key.isEmpty, key.utf8.count <= longestKeyBytes else {
                throw ModelFileError(
                    "is \(key.utf8.count) bytes long", file: cursor.path, part: part)
            }
            let kind = try self.kind(&cursor, part)
            let value =
                kind == .array ? try array(&cursor, part) : try scalar(&cursor, kind, part)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw ModelFileError("stands there twice", file: cursor.path, part: part)
            }
        }
        return metadata
    }

    private static func kind(
        _ cursor: inout GGUFCursor, _ part: String
    ) throws(ModelFileError) -> Kind {
        let number = try cursor.integer(UInt32.self, part)
        guard let kind = Kind(rawValue: number) else {
            throw ModelFileError(
                "has the unknown value type \(number)", file: cursor.path, part: part,
                hint: GGUFCursor.damaged)
        }
        return kind
    }

    private static func scalar(
        _ cursor: inout GGUFCursor, _ kind: Kind, _ part: String
    ) throws(ModelFileError) -> GGUFValue {
        switch kind {
        case .boolean: .boolean(try boolean(&cursor, part))
        case .text: .text(try cursor.text(part))
        case .float32, .float64: .number(try number(&cursor, kind, part))
        default: .integer(try integer(&cursor, kind, part))
        }
    }

    private static func array(
        _ cursor: inout GGUFCursor, _ part: String
    ) throws(ModelFileError) -> GGUFValue {
        let kind = try self.kind(&cursor, part)
        switch kind {
        case .array:
            throw ModelFileError(
                "is an array of arrays, which no supported model needs", file: cursor.path,
                part: part)
        case .boolean:
            return .booleans(
                try elements(&cursor, bytesEach: 1, part) { cursor throws(ModelFileError) in
                    try boolean(&cursor, part)
                })
        case .text:
            return .texts(
                try elements(&cursor, bytesEach: 8, part) { cursor throws(ModelFileError) in
                    try cursor.text(part)
                })
        case .float32, .float64:
            return .numbers(
                try elements(&cursor, bytesEach: byteCount(kind), part) {
                    cursor throws(ModelFileError) in try number(&cursor, kind, part)
                })
        default:
            return .integers(
                try elements(&cursor, bytesEach: byteCount(kind), part) {
                    cursor throws(ModelFileError) in try integer(&cursor, kind, part)
                })
        }
    }

    private static func elements<Element>(
        _ cursor: inout GGUFCursor, bytesEach: Int, _ part: String,
        _ read: (inout GGUFCursor) throws(ModelFileError) -> Element
    ) throws(ModelFileError) -> [Element] {
        let count = try cursor.count(bytesEach: bytesEach, "array length of \(part)")
        var elements: [Element] = []
        elements.reserveCapacity(count)
        for _ in 0..<count { elements.append(try read(&cursor)) }
        return elements
    }

    /// Bytes of a number of this kind.
    private static func byteCount(_ kind: Kind) -> Int {
        switch kind {
        case .uint8, .int8, .boolean: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .text, .array: 8
        }
    }

    private static func boolean(
        _ cursor: inout GGUFCursor, _ part: String
    ) throws(ModelFileError) -> Bool {
        let byte = try cursor.integer(UInt8.self, part)
        guard byte <= 1 else {
            throw ModelFileError(
                "is a boolean with the value \(byte)", file: cursor.path, part: part,
                hint: GGUFCursor.damaged)
        }
        return byte == 1
    }

    private static func number(
        _ cursor: inout GGUFCursor, _ kind: Kind, _ part: String
    ) throws(ModelFileError) -> Double {
        if kind == .float32 {
            return Double(Float(bitPattern: try cursor.integer(UInt32.self, part)))
        }
        return Double(bitPattern: try cursor.integer(UInt64.self, part))
    }

    private static func integer(
        _ cursor: inout GGUFCursor, _ kind: Kind, _ part: String
    ) throws(ModelFileError) -> Int64 {
        switch kind {
        case .uint8: return Int64(try cursor.integer(UInt8.self, part))
        case .int8: return Int64(try cursor.integer(Int8.self, part))
        case .uint16: return Int64(try cursor.integer(UInt16.self, part))
        case .int16: return Int64(try cursor.integer(Int16.self, part))
        case .uint32: return Int64(try cursor.integer(UInt32.self, part))
        case .int32: return Int64(try cursor.integer(Int32.self, part))
        case .int64: return try cursor.integer(Int64.self, part)
        default:
            let value = try cursor.integer(UInt64.self, part)
            guard let narrowed = Int64(exactly: value) else {
                throw ModelFileError(
                    "is \(value), more than 63 bits hold", file: cursor.path, part: part)
            }
            return narrowed
        }
    }
}
