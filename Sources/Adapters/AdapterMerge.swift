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

    /// - Parameter adapter: Must fit `model`.
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

    /// The elements of the weight `name`, row-major, in float32, valid until the next call.
    ///
    /// For an adapted projection `W₀ + s · B · A` with `s = alpha / rank`; any other weight as it
    /// is, widened.
    ///
    /// - Parameter shape: As ``BaseModel/requiredWeights`` has it.
    /// - Throws: ``ModelFileError`` if the weight cannot be read.
    /// - Source: Hu et al. 2021, arXiv:2106.09685, section 4.1.
    public func weight(
        _ name: String, shape: [Int]
    ) throws(ModelFileError) -> UnsafeBufferPointer<Float> {
        let count = shape.reduce(1, *)
        let target = UnsafeMutableBufferPointer(rebasing: buffer.elements[..<count])
        guard shape.count == 2 else {
            _ = target.update(fromContentsOf: try model.vector(name, count: count))
            return UnsafeBufferPointer(target)
        }
        let frozen = try model.matrix(name, rows: shape[0], columns: shape[1])
        backend.widen(frozen, rows: 0..<shape[0], into: buffer)
        if let pair = pairs[name] {
            let layout = adapter.layout
            let merged = Matrix(buffer, rows: pair.outputs, columns: pair.inputs)
            backend.multiply(
                Matrix(
                    adapter.buffer, offset: pair.b.lowerBound, rows: pair.outputs,
                    columns: layout.adapterRank),
                Matrix(
                    adapter.buffer, offset: pair.a.lowerBound, rows: layout.adapterRank,
                    columns: pair.inputs),
                into: merged, alpha: layout.scale, beta: 1)
        }
        return UnsafeBufferPointer(target)
    }
}
