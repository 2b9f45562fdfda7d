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
