import Foundation
import JSON

/// When a setting that no reader has asked for changes nothing about what is computed.
///
/// Files carry keys of other families and of tools. Where the value says "off", or what is computed
/// anyway, the key may stay; otherwise leaving it out would give other numbers without a word.
enum NeutralValue: Sendable {
    /// Whatever the value.
    case always
    /// Null, false, 0, an empty text or list, or the word `none`.
    case off
    /// As ``off``, or 1.
    case one
    /// True.
    case on
    /// As ``off``, or this number.
    case equals(@Sendable (DecoderConfiguration) -> Double)
    /// As ``off``, or this number and above.
    case from(@Sendable (DecoderConfiguration) -> Double)
    /// As ``off``, or what the closure accepts.
    case matching(@Sendable (PlainSetting, DecoderConfiguration) -> Bool)

    /// Whether `value` changes nothing about `decoder`.
    func allows(_ value: PlainSetting, _ decoder: DecoderConfiguration) -> Bool {
        switch self {
        case .always: return true
        case .off: return value.isOff
        case .one: return value.isOff || value == .number(1)
        case .on: return value == .boolean(true)
        case .equals(let number):
            guard case .number(let told) = value else { return value.isOff }
            // A file holds it as float32.
            let expected = number(decoder)
            return told == 0 || abs(told - expected) <= 1e-6 * abs(expected)
        case .from(let number):
            guard case .number(let told) = value else { return value.isOff }
            return told == 0 || told >= number(decoder)
        case .matching(let accepts): return value.isOff || accepts(value, decoder)
        }
    }
}

/// A value of `config.json` or of GGUF metadata, as far as ``NeutralValue`` looks at it.
enum PlainSetting: Equatable {
    case nothing
    case number(Double)
    case boolean(Bool)
    case text(String)
    case numbers([Double])
    case texts([String])
    case other

    /// Whether it says that there is none of it.
    var isOff: Bool {
        switch self {
        case .nothing, .boolean(false), .number(0): true
        case .text(let text): text.isEmpty || text == "none"
        case .numbers(let list): list.isEmpty
        case .texts(let list): list.isEmpty
        default: false
        }
    }

    init(_ value: GGUFValue) {
        self =
            switch value {
            case .integer(let number): .number(Double(number))
            case .number(let number): .number(number)
            case .boolean(let boolean): .boolean(boolean)
            case .text(let text): .text(text)
            case .integers(let list): .numbers(list.map(Double.init))
            case .numbers(let list): .numbers(list)
            case .texts(let list): .texts(list)
            case .booleans(let list): .numbers(list.map { $0 ? 1 : 0 })
            }
    }

    init(_ value: JSONValue) {
        switch value {
        case .null: self = .nothing
        case .integer(let number): self = .number(Double(number))
        case .number(let number): self = .number(number)
        case .boolean(let boolean): self = .boolean(boolean)
        case .text(let text): self = .text(text)
        case .object(let members): self = members.keys.isEmpty ? .nothing : .other
        case .array(let values):
            let plain = values.map(PlainSetting.init)
            let numbers = plain.compactMap {
                if case .number(let number) = $0 { number } else { nil }
            }
            let texts = plain.compactMap { if case .text(let text) = $0 { text } else { nil } }
            self =
                numbers.count == plain.count
                ? .numbers(numbers) : texts.count == plain.count ? .texts(texts) : .other
        }
    }
}
