/// Changes bytes as files and senders go wrong, from a seed: the same seed, the same changes.
struct Mutator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    private mutating func below(_ limit: Int) -> Int {
        limit > 0 ? Int(next() % UInt64(limit)) : 0
    }

    /// Numbers at which lengths and offsets break.
    private static let numbers: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
        0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max, .max - 7,
    ]

    private static let words = [
        "99999999999999999999", "-1", "1e999", "\"", "{", "[", "\\ud800", "null", "\u{0}",
        "../../x",
        "/etc/passwd", "{{", "{% for i in range(9) %}", "[[[[[[[[[[[[[[[[", "(?:a+)+$",
    ]

    /// One to four changes of `seed`, at times with a part of `other` in it.
    mutating func change(_ seed: [UInt8], with other: [UInt8]) -> [UInt8] {
        var bytes = seed
        // Most of what matters stands at the beginning.
        let reach = below(2) == 0 ? bytes.count : min(bytes.count, 512)
        for _ in 0...below(4) {
            let place = min(below(reach + 1), bytes.count)
            switch below(8) {
            case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
            case 1 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: next())
            case 2: bytes.removeLast(bytes.count - place)
            case 3:
                let end = min(bytes.count, place + 1 + below(64))
                bytes.removeSubrange(place..<end)
            case 4:
                let end = min(bytes.count, place + 1 + below(64))
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 5:
                let number = Self.numbers[below(Self.numbers.count)]
                let width = [1, 2, 4, 8][below(4)]
                for index in 0..<width where place + index < bytes.count {
                    bytes[place + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
                }
            case 6: bytes.insert(contentsOf: Self.words[below(Self.words.count)].utf8, at: place)
            default:
                let start = below(other.count + 1)
                let end = min(other.count, start + below(256))
                bytes.insert(contentsOf: other[start..<end], at: place)
            }
        }
        return bytes
    }
}
