public import Kernels
public import ModelFiles
public import Tensors

/// A linear projection of a layer: `y = x·W₀ᵀ + b + s·(x·Aᵀ)·Bᵀ`, the last term where it is adapted.
///
/// All mathematics of an adapted projection stands in this file: forward, backward, the start of
/// training, the sum that a merged model has, and the names of its tensors. A variant of LoRA has its
/// place beside it.
///
/// - Source: Hu et al. 2021, arXiv:2106.09685.
public struct Projection<Operations: TensorOperations>: Sendable {
    public let kind: ProjectionKind
    public let layer: Int
    /// `W₀`, frozen.
    public let weight: Operations.Weight
    /// `b`, frozen.
    public let bias: Operations.Bias?

    init(
        _ kind: ProjectionKind, layer: Int, _ operations: Operations, _ files: Operations.Files
    ) throws(ModelFileError) {
        self.kind = kind
        self.layer = layer
        weight = try operations.weight(.projection(kind, layer: layer), files)
        bias = try operations.bias(of: .projection(kind, layer: layer), files)
    }
}

/// Projections that read one input, in the order in which their gradients are added to it.
public struct ProjectionGroup<Operations: TensorOperations>: Sendable {
    /// At most three.
    public let members: [Projection<Operations>]

    init(_ members: [Projection<Operations>]) {
        precondition((1...3).contains(members.count), "\(members.count) projections")
        self.members = members
    }
}

/// What the projections of a group yield, or its gradients: a matrix each, without an array's memory.
public struct GroupOperands<Memory: TensorMemory> {
    private let first: Matrix<Memory>?
    private let second: Matrix<Memory>?
    private let third: Matrix<Memory>?

    public init(
        _ first: Matrix<Memory>?, _ second: Matrix<Memory>? = nil, _ third: Matrix<Memory>? = nil
    ) {
        self.first = first
        self.second = second
        self.third = third
    }

    public subscript(index: Int) -> Matrix<Memory>? {
        switch index {
        case 0: first
        case 1: second
        default: third
        }
    }
}

/// The adapter while a lane computes.
public struct AdapterOperands<Memory: TensorMemory> {
    public let layout: LowRankLayout
    /// A and B of all pairs, in the layout.
    public let parameters: Memory
    /// Their gradients, in the layout; empty in a forward pass alone.
    public let gradient: Memory
    /// `x·Aᵀ` of each pair, `[rows, rank]`: from the forward pass to the backward pass.
    public let lowRankInputs: [Memory]
    /// `s · dy·B` of one pair, `[rows, rank]`.
    public let lowRankGradient: Memory
}

extension TensorOperations {
    public func project(
        _ x: Matrix<Memory>, _ group: ProjectionGroup<Self>, _ adapter: AdapterOperands<Memory>?,
        into y: GroupOperands<Memory>, _ workspace: Workspace
    ) {
        for index in group.members.indices {
            guard let y = y[index] else { preconditionFailure("projection \(index) goes nowhere") }
            project(x, group.members[index], adapter, into: y, workspace)
        }
    }

    private func project(
        _ x: Matrix<Memory>, _ projection: Projection<Self>, _ adapter: AdapterOperands<Memory>?,
        into y: Matrix<Memory>, _ workspace: Workspace
    ) {
        project(x, projection.weight, into: y, workspace)
        if let bias = projection.bias { add(bias: bias, to: y) }
        guard let adapter,
            let (index, pair) = adapter.layout.pair(
                layer: projection.layer, projection: projection.kind)
        else { return }
        let lowRank = Matrix(adapter.lowRankInputs[index], rows: x.rows, columns: pair.adapterRank)
        multiply(
            x, transposeA: false, pair.a(in: adapter.parameters), transposeB: true, into: lowRank,
            alpha: 1, beta: 0)
        multiply(
            lowRank, transposeA: false, pair.b(in: adapter.parameters), transposeB: true, into: y,
            alpha: pair.scale, beta: 1)
    }

    public func projectBack(
        _ dy: GroupOperands<Memory>, x: Matrix<Memory>, _ group: ProjectionGroup<Self>,
        _ adapter: AdapterOperands<Memory>, into dx: Matrix<Memory>?, _ workspace: Workspace
    ) {
        for index in group.members.indices {
            guard let dy = dy[index] else { continue }
            projectBack(
                dy, x: x, group.members[index], adapter, into: dx, adding: index > 0, workspace)
        }
    }

    /// Gradients of one projection, given `dy`; that of the frozen weight is never formed.
    ///
    ///     dB = s · dyᵀ·(x·Aᵀ)      dA = (s · dy·B)ᵀ·x      dx = dy·W₀ + (s · dy·B)·A
    private func projectBack(
        _ dy: Matrix<Memory>, x: Matrix<Memory>, _ projection: Projection<Self>,
        _ adapter: AdapterOperands<Memory>, into dx: Matrix<Memory>?, adding: Bool,
        _ workspace: Workspace
    ) {
        let found = adapter.layout.pair(layer: projection.layer, projection: projection.kind)
        if let (index, pair) = found {
            let lowRank = Matrix(
                adapter.lowRankInputs[index], rows: dy.rows, columns: pair.adapterRank)
            let back = Matrix(adapter.lowRankGradient, rows: dy.rows, columns: pair.adapterRank)
            multiply(
                dy, transposeA: false, pair.b(in: adapter.parameters), transposeB: false,
                into: back, alpha: pair.scale, beta: 0)
            multiply(
                dy, transposeA: true, lowRank, transposeB: false,
                into: pair.b(in: adapter.gradient), alpha: pair.scale, beta: 0)
            multiply(
                back, transposeA: true, x, transposeB: false, into: pair.a(in: adapter.gradient),
                alpha: 1, beta: 0)
        }
        guard let dx else { return }
        projectBack(dy, projection.weight, into: dx, adding: adding, workspace)
        guard let (_, pair) = found else { return }
        let back = Matrix(adapter.lowRankGradient, rows: dy.rows, columns: pair.adapterRank)
        multiply(
            back, transposeA: false, pair.a(in: adapter.parameters), transposeB: false, into: dx,
            alpha: 1, beta: 1)
    }
}

// MARK: Names, the start of training, the merged weight

extension LowRankLayout {
    /// A and B of all pairs, named as PEFT names them.
    public var parameterSet: ParameterSet {
        ParameterSet(
            pairs.flatMap { pair in
                let prefix = ParameterSet.Tensor.prefix + pair.modulePath + "."
                return [
                    ParameterSet.Tensor(
                        name: prefix + "lora_A.weight", rows: pair.adapterRank,
                        columns: pair.inputs, range: pair.a),
                    ParameterSet.Tensor(
                        name: prefix + "lora_B.weight", rows: pair.outputs,
                        columns: pair.adapterRank, range: pair.b),
                ]
            })
    }
}

extension LowRankParameters {
    /// PEFT's default start: `A` uniform in (−1/√inputs, 1/√inputs), `B` zero.
    ///
    /// That is Kaiming's uniform distribution with a = √5. Each element is a pure function of the
    /// seed, its pair and its place.
    /// Source: He et al. 2015, arXiv:1502.01852; PEFT `tuners/lora/layer.py`.
    public static func initial(layout: LowRankLayout, seed: UInt64) -> LowRankParameters {
        let random = CounterRandom(seed: seed, purpose: .adapterInitialisation)
        let parameters = LowRankParameters(layout: layout)
        let numbers = parameters.buffer.elements
        for (index, pair) in layout.pairs.enumerated() {
            let bound = 1 / Double(pair.inputs).squareRoot()
            for (element, offset) in pair.a.enumerated() {
                let uniform = random.uniform(stream: UInt32(index), index: UInt64(element))
                numbers[offset] = Float((2 * uniform - 1) * bound)
            }
        }
        return parameters
    }

    /// Adds `s · B·A` to the widened weight of a pair's projection.
    ///
    /// - Parameters:
    ///   - weight: `[outputs, inputs]`, or `[inputs, outputs]` where it is transposed; changed.
    ///   - isTransposed: Then the sum is `W₀ᵀ + s · Aᵀ·Bᵀ`.
    /// - Source: Hu et al. 2021, arXiv:2106.09685, section 4.1.
    public func merge(
        _ pair: LowRankLayout.Pair, into weight: HostMatrix, isTransposed: Bool, _ backend: Backend
    ) {
        let (a, b) = (pair.a(in: buffer), pair.b(in: buffer))
        if isTransposed {
            backend.multiply(
                a, transposeA: true, b, transposeB: true, into: weight, alpha: pair.scale, beta: 1)
        } else {
            backend.multiply(b, a, into: weight, alpha: pair.scale, beta: 1)
        }
    }
}
