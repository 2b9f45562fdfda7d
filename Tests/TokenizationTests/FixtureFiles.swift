import Foundation

/// What scripts/fixtures/make-fixtures tokenizers made.
enum FixtureFiles {
    /// With words of bytes.
    static let byteLevelNames = [
        "gpt2", "smollm", "llama3", "odd", "qwen2", "tekken", "mixed", "falcon",
    ]
    /// With words of characters.
    static let textNames = ["llama2", "gemma", "mistral", "text-unknown"]
    static let names = byteLevelNames + textNames

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    static func json(_ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: folder.appendingPathComponent(name))
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    /// The 5,000 lines.
    static func lines() throws -> [String] {
        try textLines("lines.jsonl").map { try JSONDecoder().decode(String.self, from: $0) }
    }

    /// Number of ids and checksum of each line, as written in `expected.txt`.
    static func expected(_ name: String) throws -> [String] {
        try textLines("\(name)/expected.txt").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Checksum of what the ids of each line decode to.
    static func decoded(_ name: String) throws -> [String] {
        try textLines("\(name)/decoded.txt").map { String(decoding: $0, as: UTF8.self) }
    }

    private static func textLines(_ name: String) throws -> [Data] {
        try Data(contentsOf: folder.appendingPathComponent(name)).split(separator: 0x0A)
    }

    /// The line of `expected.txt` that `ids` give.
    static func summary(_ ids: [Int32]) -> String {
        "\(ids.count) \(checksum(ids.map(String.init).joined(separator: " ")))"
    }

    static func checksum(_ text: String) -> String {
        let digits = String(crc32(Array(text.utf8)), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// CRC-32 as in zlib.
    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { checksum, byte in
            (0..<8).reduce(checksum ^ UInt32(byte)) { value, _ in
                value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0)
            }
        }
    }
}
