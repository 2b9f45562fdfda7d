public import Kernels
public import ModelFiles
import Tensors
public import Transformer

/// The weights of a base model with an adapter added to them, one tensor at a time.
public struct AdapterMerge {
    /// Memory for the largest tensor, used again for each.
    private let buffer: FloatBuffer
    private let model: BaseModel
    private let adapter: LowRankParameters
    private let backend: Backend
    private let pairs: [String: LowRankLayout.Pair]

    /// - Parameters:
    ///   - model: The base model.
    ///   - adapter: Must fit `model`.
    /// - Throws: ``KernelError`` if no kernels can be opened.
    public init(model: BaseModel, adapter: LowRankParameters) throws(KernelError) {
        self.model = model
        self.adapter = adapter
        backend = try Backend(level: .best)
        pairs = Dictionary(
            uniqueKeysWithValues: adapter.layout.pairs.map { ("\($0.modulePath).weight", $0) })
        let largest = model.requiredWeights.map { $0.shape.reduce(1, *) }.max() ?? 0
        buffer = FloatBuffer(count: largest)
    }

    /// Calls `body` with the elements of the weight `name`, row-major, in float32.
    ///
    /// For an adapted projection `W₀ + s · B · A` with `s = alpha / rank`; any other weight as it
    /// is, widened.
    ///
    /// - Parameters:
    ///   - name: As transformers has it.
    ///   - shape: As ``BaseModel/requiredWeights`` has it.
    ///   - body: The elements are valid until it returns.
    /// - Returns: What `body` returns.
    /// - Throws: ``ModelFileError`` if the weight cannot be read; what `body` throws.
    /// - Source: Hu et al. 2021, arXiv:2106.09685, section 4.1.
    public func withWeight<Result>(
        _ name: String, shape: [Int], _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) throws -> Result {
        try compute(name, shape: shape)
        return try body(UnsafeBufferPointer(start: buffer.pointer, count: shape.reduce(1, *)))
    }

    /// Leaves the weight at the start of `buffer`.
    private func compute(_ name: String, shape: [Int]) throws(ModelFileError) {
        guard shape.count == 2 else {
            _ = buffer.elements.update(
                fromContentsOf: try model.vector(name, count: shape.reduce(1, *)))
            return
        }
        let frozen = try model.matrix(name, rows: shape[0], columns: shape[1])
        backend.widen(frozen, rows: 0..<shape[0], into: buffer)
        guard let pair = pairs[name] else { return }
        // Where files hold [inputs, outputs], so does the sum.
        adapter.merge(
            pair, into: Matrix(buffer, rows: shape[0], columns: shape[1]),
            isTransposed: model.configuration.family.storesTransposed, backend)
    }
}
