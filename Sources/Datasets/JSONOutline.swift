/// What stands at the top level of a JSON object that may be cut off or broken further on.
///
/// It looks only for brackets, strings and commas, as ``RecordCutter`` does.
struct JSONOutline {
    struct Member {
        let key: String
        /// First byte of the value.
        let opening: UInt8
        /// First byte in the value's brackets.
        let inner: UInt8?
        /// First key of the value, or of the first object in the list that it is.
        let innerKey: String?
    }

    /// Members of an object, in its order; none for an array.
    private(set) var members: [Member] = []
    /// Where the value ends; `nil` if that is not in the bytes.
    private(set) var end: Int?

    /// More members than these are not looked at.
    private static let mostMembers = 1000

    /// - Parameters:
    ///   - bytes: Of the text.
    ///   - start: Where a bracket opens.
    init(_ bytes: [UInt8], from start: Int) {
        var depth = 0
        var index = start
        let isObject = bytes[start] == UInt8(ascii: "{")
        var expectsKey = false
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                guard let close = Self.endOfString(bytes, index) else { return }
                guard depth == 1, expectsKey else {
                    index = close
                    break
                }
                expectsKey = false
                let colon = Self.skipBlanks(bytes, close + 1)
                let value = Self.skipBlanks(bytes, colon + 1)
                guard value < bytes.count else { return }
                if members.count < Self.mostMembers {
                    members.append(Self.member(bytes, key: index + 1..<close, value: value))
                }
                index = colon
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth == 1 { expectsKey = isObject }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 {
                    end = index + 1
                    return
                }
            case UInt8(ascii: ",") where depth == 1: expectsKey = isObject
            default: break
            }
            index += 1
        }
    }

    private static func member(_ bytes: [UInt8], key: Range<Int>, value: Int) -> Member {
        let opening = bytes[value]
        var place = skipBlanks(bytes, value + 1)
        let isBracket = opening == UInt8(ascii: "{") || opening == UInt8(ascii: "[")
        let inner = isBracket && place < bytes.count ? bytes[place] : nil
        if opening == UInt8(ascii: "["), inner == UInt8(ascii: "{") {
            place = skipBlanks(bytes, place + 1)
        }
        return Member(
            key: String(decoding: bytes[key], as: UTF8.self), opening: opening, inner: inner,
            innerKey: isBracket ? string(bytes, at: place) : nil)
    }

    /// The string that begins at `place`, as it is written.
    static func string(_ bytes: [UInt8], at place: Int) -> String? {
        guard place < bytes.count, bytes[place] == UInt8(ascii: "\""),
            let end = endOfString(bytes, place)
        else { return nil }
        return String(decoding: bytes[place + 1..<end], as: UTF8.self)
    }

    /// The quotation mark that closes the string which begins at `start`.
    private static func endOfString(_ bytes: [UInt8], _ start: Int) -> Int? {
        var index = start + 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\"): index += 2
            case UInt8(ascii: "\""): return index
            default: index += 1
            }
        }
        return nil
    }

    static func skipBlanks(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start
        while index < bytes.count, RecordCutter.isBlank(bytes[index]) { index += 1 }
        return index
    }
}
