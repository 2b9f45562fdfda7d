import Words

/// A metadata value of a GGUF file.
///
/// Integers of all widths widen to `integer`; arrays of numbers and texts are kept apart so that
/// a vocabulary costs no box per token.
/// Source: ggml `docs/gguf.md`, version 3.
public enum GGUFValue: Sendable, Equatable {
    case integer(Int64)
    case number(Double)
    case boolean(Bool)
    case text(String)
    case integers([Int64])
    case numbers([Double])
    case texts([String])
    case booleans([Bool])
}

extension GGUFValue {
    /// The value in a message: a text in quotes, an array by its length only.
    var shown: String {
        switch self {
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .boolean(let value): "\(value)"
        case .text(let value): value.quoted
        case .integers(let values): "an array of \(values.count) integers"
        case .numbers(let values): "an array of \(values.count) numbers"
        case .texts(let values): "an array of \(values.count) texts"
        case .booleans(let values): "an array of \(values.count) booleans"
        }
    }
}
