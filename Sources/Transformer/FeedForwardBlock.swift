import Kernels
import ModelFiles
import Tensors

/// What a layer's feed-forward block adds to the residual stream: `D(act(G y) ⊙ U y)` with `y = norm m`,
/// with its activations, forward and backward.
///
/// Families differ in detail: there may be no gate, gate and up may be one projection, and the block's
/// output may be normalised.
struct FeedForwardBlock<Operations: TensorOperations>: Sendable {
    typealias Memory = Operations.Memory
    typealias Pass = SlicePass<Operations>

    private let norm: Operations.NormWeights
    private let outputNorm: Operations.NormWeights?
    /// Gate and up, up alone, or the one projection that yields both.
    private let entering: ProjectionGroup<Operations>
    private let down: ProjectionGroup<Operations>
    private let isFused: Bool
    private let activation: Kernels.Activation
    private let shape: DecoderConfiguration

    /// - Parameter norm: The layer's input norm where the family has one norm for both blocks.
    init(
        layer: Int, norm: Operations.NormWeights, _ shape: DecoderConfiguration,
        _ operations: Operations, _ files: Operations.Files
    ) throws(ModelFileError) {
        self.norm = norm
        self.shape = shape
        outputNorm = try operations.norm(.layer(.afterFeedForward, layer), files)
        isFused = shape.family.modules[.gateUp] != nil
        activation = shape.kernelActivation
        var members: [Projection<Operations>] = []
        for kind in [ProjectionKind.gate, .up, .gateUp] where shape.family.modules[kind] != nil {
            members.append(try Projection(kind, layer: layer, operations, files))
        }
        entering = ProjectionGroup(members)
        down = ProjectionGroup([try Projection(.down, layer: layer, operations, files)])
    }

    // MARK: Forward

    /// Computes the block and adds it to the residual stream.
    ///
    /// - Parameters:
    ///   - input: What is normalised, `[queries, width]`.
    ///   - residual: What the block is added to.
    ///   - output: The layer's output, `[queries, width]`. It may be `input`, which is not read once it
    ///     is normalised; `nil` if only what the backward pass needs is wanted.
    func forward(
        _ pass: Pass, _ kept: FeedForwardActivations<Memory>, input: Matrix<Memory>,
        residual: Matrix<Memory>, into output: Matrix<Memory>?
    ) {
        let (operations, queries) = (pass.operations, input.rows)
        let normalized = Matrix(pass.scratch.normalized, rows: queries, columns: shape.width)
        operations.normalize(input, norm, into: normalized, statistics: kept.inputStatistics)
        let hidden = hidden(kept, rows: queries)
        enter(pass, normalized, hidden)
        guard output != nil || outputNorm != nil else { return }
        let activated = activated(pass, rows: queries)
        operations.activate(activation, hidden.activated, factor: hidden.factor, into: activated)
        if let outputNorm, let memory = kept.output, let statistics = kept.outputStatistics {
            let yielded = Matrix(memory, rows: queries, columns: shape.width)
            operations.project(
                activated, down, pass.adapter, into: GroupOperands(yielded), pass.workspace)
            operations.normalize(
                yielded, outputNorm, into: output ?? normalized, statistics: statistics)
        } else if let output {
            operations.project(
                activated, down, pass.adapter, into: GroupOperands(output), pass.workspace)
        }
        if let output { operations.add(residual, to: output) }
    }

    /// The projections before the activation.
    private func enter(_ pass: Pass, _ normalized: Matrix<Memory>, _ hidden: Hidden) {
        let operations = pass.operations
        guard isFused, let gate = hidden.gate else {
            let yielded =
                hidden.gate.map { GroupOperands($0, hidden.up) } ?? GroupOperands(hidden.up)
            return operations.project(
                normalized, entering, pass.adapter, into: yielded, pass.workspace)
        }
        let fused = fused(pass, rows: normalized.rows)
        operations.project(
            normalized, entering, pass.adapter, into: GroupOperands(fused), pass.workspace)
        operations.split(fused, shape.fusedColumns(of: .gate), into: gate)
        operations.split(fused, shape.fusedColumns(of: .up), into: hidden.up)
    }

    // MARK: Backward

    /// Adds `norm'(Gᵀ·dg + Uᵀ·du)` to `residual`, the gradient of the layer's output.
    ///
    /// - Parameter input: What the forward pass has normalised.
    func backward(
        _ pass: Pass, _ adapter: AdapterOperands<Memory>, _ kept: FeedForwardActivations<Memory>,
        input: Matrix<Memory>, _ residual: Matrix<Memory>, _ wants: WantedGradients
    ) {
        let (operations, rows) = (pass.operations, residual.rows)
        let dOutput = pass.blockGradient(
            residual, outputNorm, output: kept.output, kept.outputStatistics)
        let hidden = hidden(kept, rows: rows)
        let activated = activated(pass, rows: rows)
        if wants.down {
            operations.activate(
                activation, hidden.activated, factor: hidden.factor, into: activated)
        }
        guard wants.activated || wants.down else { return }
        // The activation is spent: its memory takes its gradient.
        operations.projectBack(
            GroupOperands(dOutput), x: activated, down, adapter,
            into: wants.activated ? activated : nil, pass.workspace)
        guard wants.activated else { return }
        operations.activateBack(activation, activated, x: hidden.activated, factor: hidden.factor)
        let normalized = Matrix(pass.scratch.normalized, rows: rows, columns: shape.width)
        if wants.activationInput {
            operations.normalizeAgain(
                input, norm, statistics: kept.inputStatistics, into: normalized)
        }
        let dNormalized =
            wants.feedForwardInput
            ? Matrix(pass.scratch.normalizedGradient, rows: rows, columns: shape.width) : nil
        leave(pass, adapter, hidden, x: normalized, into: dNormalized)
        guard let dNormalized else { return }
        operations.normalizeBack(
            dNormalized, x: input, norm, statistics: kept.inputStatistics, into: residual)
    }

    /// Gradients of the projections before the activation.
    ///
    /// - Parameter hidden: Gradients of what the projections yielded.
    private func leave(
        _ pass: Pass, _ adapter: AdapterOperands<Memory>, _ hidden: Hidden, x: Matrix<Memory>,
        into dx: Matrix<Memory>?
    ) {
        let operations = pass.operations
        var yielded = hidden.gate.map { GroupOperands($0, hidden.up) } ?? GroupOperands(hidden.up)
        if isFused, let gate = hidden.gate {
            let fused = fused(pass, rows: x.rows)
            operations.join(gate, shape.fusedColumns(of: .gate), into: fused)
            operations.join(hidden.up, shape.fusedColumns(of: .up), into: fused)
            yielded = GroupOperands(fused)
        }
        operations.projectBack(yielded, x: x, entering, adapter, into: dx, pass.workspace)
    }

    // MARK: Views

    /// What enters the activation.
    private struct Hidden {
        /// `nil` where there is none.
        let gate: Matrix<Memory>?
        let up: Matrix<Memory>

        /// What the activation is applied to.
        var activated: Matrix<Memory> { gate ?? up }
        /// What its value is multiplied by.
        var factor: Matrix<Memory>? { gate == nil ? nil : up }
    }

    private func hidden(_ kept: FeedForwardActivations<Memory>, rows: Int) -> Hidden {
        Hidden(
            gate: kept.gate.map { Matrix($0, rows: rows, columns: shape.feedForwardWidth) },
            up: Matrix(kept.up, rows: rows, columns: shape.feedForwardWidth))
    }

    private func activated(_ pass: Pass, rows: Int) -> Matrix<Memory> {
        Matrix(pass.scratch.activated, rows: rows, columns: shape.feedForwardWidth)
    }

    /// Room for what gate and up yield as one projection.
    private func fused(_ pass: Pass, rows: Int) -> Matrix<Memory> {
        Matrix(pass.scratch.fused, rows: rows, columns: shape.size(of: .gateUp).outputs)
    }
}

/// What the backward pass needs of a ``FeedForwardBlock``, of the rows with a query. What a family
/// lacks is absent.
struct FeedForwardActivations<Memory: TensorMemory> {
    let inputStatistics: Memory
    /// Before the activation, `[queries, feedForwardWidth]`.
    let gate: Memory?
    let up: Memory
    /// What the block yields, where that is normalised, `[queries, width]`.
    let output: Memory?
    let outputStatistics: Memory?

    init<Operations: TensorOperations>(
        _ operations: Operations, _ shape: DecoderConfiguration, queries: Int
    ) where Operations.Memory == Memory {
        func operand(_ columns: Int) -> Memory {
            operations.memory(.operand, count: queries * columns)
        }
        func statistics() -> Memory {
            operations.memory(.statistics, count: queries * shape.statisticsPerRow)
        }
        inputStatistics = statistics()
        gate = shape.family.isGated ? operand(shape.feedForwardWidth) : nil
        up = operand(shape.feedForwardWidth)
        let normalisesOutput = shape.family.norms[.afterFeedForward] != nil
        output = normalisesOutput ? operand(shape.width) : nil
        outputStatistics = normalisesOutput ? statistics() : nil
    }
}
