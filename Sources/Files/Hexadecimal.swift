private let digits = Array("0123456789abcdef".utf8)

extension Sequence<UInt8> {
    /// Two digits a byte, in lower case.
    public var hexadecimal: String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * underestimatedCount)
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension UInt64 {
    /// Sixteen digits in lower case, the most significant first.
    public var hexadecimal: String { withUnsafeBytes(of: bigEndian) { $0.hexadecimal } }
}

/// Sixteen hexadecimal digits that nobody can foresee: a part of a name that nothing else has.
public func randomHexadecimal() -> String { UInt64.random(in: .min ... .max).hexadecimal }
