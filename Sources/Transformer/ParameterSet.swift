/// Named tensors, one after the other in one flat array: all that an exact sum, an optimizer, a
/// checkpoint and an adapter's file need to know of what is trained.
public struct ParameterSet: Sendable, Equatable {
    /// A row-major `[rows, columns]` tensor.
    public struct Tensor: Sendable, Equatable {
        /// As PEFT's file has it.
        public let name: String
        /// The same in messages: module and factor.
        public var shortName: String {
            String(name.dropFirst(Self.prefix.count).dropLast(Self.suffix.count))
        }
        public let rows: Int
        public let columns: Int
        /// Where it lies in the array.
        public let range: Range<Int>

        /// What PEFT's names have in common.
        static let prefix = "base_model.model."
        static let suffix = ".weight"
    }

    /// In order, without gaps.
    public let tensors: [Tensor]

    /// Numbers of all tensors.
    public var count: Int { tensors.last?.range.upperBound ?? 0 }
    public var ranges: [Range<Int>] { tensors.map(\.range) }

    init(_ tensors: [Tensor]) { self.tensors = tensors }
}
