extension String {
    /// The text that "%41" and the like stand for; what is no such thing stays. Bytes that are no UTF-8 become
    /// replacement characters.
    package var percentDecoded: String {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            let isHexadecimal = digits.utf8.count == 2 && digits.allSatisfy(\.isHexDigit)
            if byte == UInt8(ascii: "%"), isHexadecimal, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
