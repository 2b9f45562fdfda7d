import Words

/// A strict parser for RFC 8259 over bytes, with bounded nesting.
struct JSONParser {
    /// Where and why parsing stopped.
    struct Failure: Error {
        let problem: String
        let offset: Int
    }

    /// Recursion stops here, far from the end of any thread's stack.
    static let deepestNesting = 128

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// One value and nothing after it but white space.
    mutating func document() throws(Failure) -> JSONValue {
        let value = try value(depth: 0)
        skipWhiteSpace()
        guard offset == bytes.count else { throw failure("there is text after the value") }
        return value
    }

    private func failure(_ problem: String) -> Failure {
        Failure(problem: problem, offset: offset)
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipWhiteSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            offset += 1
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        guard take(character) else {
            throw failure(
                next == nil
                    ? "the text ends where '\(character)' must stand"
                    : "'\(character)' must stand here")
        }
    }

    private mutating func value(depth: Int) throws(Failure) -> JSONValue {
        guard depth <= Self.deepestNesting else {
            throw failure("values are nested more than \(Self.deepestNesting) deep")
        }
        skipWhiteSpace()
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("the text ends where a value must stand")
        default: return try number()
        }
    }

    private mutating func word(
        _ word: StaticString, _ value: JSONValue
    ) throws(Failure) -> JSONValue {
        let letters = UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[offset...].starts(with: letters) else { throw failure("unknown word") }
        offset += letters.count
        return value
    }

    private mutating func array(depth: Int) throws(Failure) -> [JSONValue] {
        try expect("[")
        var values: [JSONValue] = []
        skipWhiteSpace()
        if take("]") { return values }
        while true {
            values.append(try value(depth: depth + 1))
            skipWhiteSpace()
            if take("]") { return values }
            try expect(",")
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSONObject {
        try expect("{")
        var members = JSONObject()
        skipWhiteSpace()
        if take("}") { return members }
        while true {
            skipWhiteSpace()
            let keyOffset = offset
            let key = try text()
            skipWhiteSpace()
            try expect(":")
            let value = try value(depth: depth + 1)
            guard members.add(value, for: key) else {
                throw Failure(problem: "key \(key.quoted) stands there twice", offset: keyOffset)
            }
            skipWhiteSpace()
            if take("}") { return members }
            try expect(",")
        }
    }
}

extension JSONParser {
    private mutating func text() throws(Failure) -> String {
        try expect("\"")
        var unescaped: [UInt8] = []
        var start = offset
        while true {
            guard let byte = next else { throw failure("a text does not end") }
            guard byte >= 0x20 else { throw failure("a control character stands in a text") }
            guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                offset += 1
                continue
            }
            unescaped += bytes[start..<offset]
            offset += 1
            if byte == UInt8(ascii: "\"") { break }
            try escape(into: &unescaped)
            start = offset
        }
        guard let text = String(validating: unescaped, as: UTF8.self) else {
            throw failure("the text that ends here is not valid UTF-8")
        }
        return text
    }

    private mutating func escape(into unescaped: inout [UInt8]) throws(Failure) {
        guard let letter = next else { throw failure("a text does not end") }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(letter)
        case UInt8(ascii: "b"): unescaped.append(0x08)
        case UInt8(ascii: "f"): unescaped.append(0x0C)
        case UInt8(ascii: "n"): unescaped.append(0x0A)
        case UInt8(ascii: "r"): unescaped.append(0x0D)
        case UInt8(ascii: "t"): unescaped.append(0x09)
        case UInt8(ascii: "u"):
            unescaped += Array(String(Character(try escapedScalar())).utf8)
        default: throw failure("unknown escape in a text")
        }
    }

    /// What follows `\u`: four digits, or a surrogate pair.
    private mutating func escapedScalar() throws(Failure) -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take("\\"), take("u") else { throw failure("a lone surrogate") }
        let second = try fourDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw failure("a lone surrogate") }
        return scalar
    }

    private mutating func fourDigits() throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue
            else { throw failure("four hexadecimal digits must follow \\u") }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = offset
        let isNegative = take("-")
        let firstDigit = next
        let whole = skipDigits()
        guard whole > 0, firstDigit != UInt8(ascii: "0") || whole == 1 else {
            offset = start
            throw failure(
                whole > 1
                    ? "a number begins with zero"
                    : isNegative ? "a digit must follow '-'" : "no value begins like this")
        }
        var isInteger = true
        if take(".") {
            isInteger = false
            guard skipDigits() > 0 else { throw failure("a digit must follow '.'") }
        }
        if take("e") || take("E") {
            isInteger = false
            _ = take("+") || take("-")
            guard skipDigits() > 0 else { throw failure("an exponent needs a digit") }
        }
        let digits = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let value = Int(digits) { return .integer(value) }
        guard let value = Double(digits), value.isFinite else {
            offset = start
            throw failure("the number \(digits.quoted) is too large")
        }
        return .number(value)
    }

    private mutating func skipDigits() -> Int {
        let start = offset
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            offset += 1
        }
        return offset - start
    }
}
