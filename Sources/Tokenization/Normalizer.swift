import CUTF8Proc
import Foundation

/// What is done to text before it is cut into words: `normalizer` of a `tokenizer.json`.
struct Normalizer: Sendable, Equatable {
    enum Stage: Sendable, Equatable {
        /// A normalization form of Unicode; its flags for utf8proc.
        case form(Int32)
        /// Each character by itself, as Unicode's default mapping has it.
        case lowercase
        /// Put before a text that is not empty.
        case prepend([UInt8])
        case replace([UInt8], with: [UInt8])
    }

    var stages: [Stage] = []

    static let nfc = Stage.form(composed)
    static let nfd = Stage.form(decomposed)
    static let nfkc = Stage.form(composed | Int32(cutf8proc_compatibility))
    static let nfkd = Stage.form(decomposed | Int32(cutf8proc_compatibility))

    private static let composed =
        Int32(cutf8proc_stable) | Int32(cutf8proc_compose)
    private static let decomposed =
        Int32(cutf8proc_stable) | Int32(cutf8proc_decompose)

    /// The normalized `bytes[range]`; `nil` where it is the same.
    ///
    /// - Parameter continues: Whether the text goes on from another one, so that nothing is put
    ///   before it.
    func normalized(
        _ bytes: [UInt8], _ range: Range<Int>, continues: Bool = false
    ) -> [UInt8]? {
        guard !stages.isEmpty, !range.isEmpty else { return nil }
        var result: [UInt8]?
        for stage in stages {
            if continues, case .prepend = stage { continue }
            let input = result ?? Array(bytes[range])
            result = Self.apply(stage, to: input) ?? result
        }
        return result
    }

    private static func apply(_ stage: Stage, to bytes: [UInt8]) -> [UInt8]? {
        switch stage {
        case .form(let flags): return form(bytes, flags)
        case .lowercase:
            var text: [UInt8] = []
            text.reserveCapacity(bytes.count)
            for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
                text += scalar.properties.lowercaseMapping.utf8
            }
            return text
        case .prepend(let prefix): return bytes.isEmpty ? nil : prefix + bytes
        case .replace(let pattern, let replacement):
            return replace(pattern, with: replacement, in: bytes)
        }
    }

    private static func form(_ bytes: [UInt8], _ flags: Int32) -> [UInt8]? {
        // Composed or not, ASCII stays; what is below U+0300 is composed already.
        let limit: UInt8 = flags == composed ? 0xCC : 0x80
        guard bytes.contains(where: { $0 >= limit }) else { return nil }
        var result: UnsafeMutablePointer<UInt8>?
        let length = utf8proc_map(
            bytes, bytes.count, &result, utf8proc_option_t(UInt32(bitPattern: flags)))
        guard let result else { return nil }
        defer { free(result) }
        guard length >= 0 else { return nil }
        return Array(UnsafeBufferPointer(start: result, count: length))
    }

    static func replace(
        _ pattern: [UInt8], with replacement: [UInt8], in bytes: [UInt8]
    ) -> [UInt8]? {
        guard let first = pattern.first, bytes.contains(first) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 2)
        var index = 0
        while index < bytes.count {
            if bytes[index] == first, bytes[index...].starts(with: pattern) {
                result += replacement
                index += pattern.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
