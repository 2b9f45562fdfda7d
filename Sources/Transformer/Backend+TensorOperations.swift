public import Kernels
public import ModelFiles
public import Slices
public import Tensors

/// The processor: every operation is a call of the kernels, memory is this process' own, and a slice's
/// rows are read where they were packed.
extension Backend: TensorOperations {
    public func memory(_ role: MemoryRole, count: Int) -> FloatBuffer { FloatBuffer(count: count) }

    public func workspace(_ needs: WorkspaceNeeds) -> ProcessorWorkspace {
        ProcessorWorkspace(needs, compute: compute)
    }

    public func weight(
        _ part: FrozenPart, _ files: BaseModel
    ) throws(ModelFileError) -> FrozenWeight {
        switch part {
        case .embedding: return try files.embedding()
        case .positionEmbedding:
            guard let weight = try files.positionEmbedding() else {
                preconditionFailure("no learned positions in this family")
            }
            return weight
        case .projection(let kind, let layer): return try files.projection(kind, layer: layer)
        case .head: return try files.head()
        }
    }

    public func bias(
        of part: FrozenPart, _ files: BaseModel
    ) throws(ModelFileError) -> FloatBuffer? {
        switch part {
        case .embedding, .positionEmbedding: nil
        case .projection(let kind, let layer):
            try files.bias(kind, layer: layer).map { FloatBuffer(copying: $0) }
        case .head: try files.headBias().map { FloatBuffer(copying: $0) }
        }
    }

    public func norm(_ place: NormPlace, _ files: BaseModel) throws(ModelFileError) -> Norm? {
        let numbers: BaseModel.Norm?
        switch place {
        case .layer(let role, let layer): numbers = try files.norm(role, layer: layer)
        case .final: numbers = try files.finalNorm()
        }
        let shape = files.configuration
        return numbers.map {
            Norm(
                kind: shape.kernelNorm, weight: FloatBuffer(copying: $0.weight),
                bias: FloatBuffer(copying: $0.bias), epsilon: shape.normEpsilon)
        }
    }

    public func rotation(
        inverseWavelengths: [Float], positions: Int, neighbours: Bool
    ) -> RotaryTable {
        RotaryTable(
            inverseWavelengths: inverseWavelengths, positions: positions,
            rotatesNeighbours: neighbours)
    }

    public func rows(of slice: PackedSlice) -> PackedSlice { slice }
    public func trained(_ parameters: LowRankParameters) -> FloatBuffer { parameters.buffer }

    public func embed(_ rows: PackedSlice, _ weight: FrozenWeight, into y: HostMatrix) {
        rows.tokens.withUnsafeBufferPointer { embed($0, weight, into: y) }
    }

    public func embedPositions(_ rows: PackedSlice, _ weight: FrozenWeight, into y: HostMatrix) {
        rows.positions.withUnsafeBufferPointer { embed($0, weight, into: y) }
    }

    public func gatherTargets(_ x: HostMatrix, _ rows: PackedSlice, into y: HostMatrix) {
        gather(x, rows: rows.targetRows, into: y)
    }

    public func scatterAddTargets(_ x: HostMatrix, _ rows: PackedSlice, to y: HostMatrix) {
        scatterAdd(x, rows: rows.targetRows, to: y)
    }

    public func rotate(
        _ x: HostMatrix, heads: Int, _ rows: PackedSlice, _ set: RowSet, _ rotation: RotaryTable,
        inverse: Bool
    ) {
        rows.queries(set).positions.withUnsafeBufferPointer { positions in
            guard let positions = positions.baseAddress else { return }
            rotate(x, heads: heads, positions: positions, table: rotation, inverse: inverse)
        }
    }

    public func project(
        _ x: HostMatrix, _ weight: FrozenWeight, into y: HostMatrix,
        _ workspace: ProcessorWorkspace
    ) {
        project(x, weight, into: y, scratch: workspace.scratch)
    }

    public func projectBack(
        _ dy: HostMatrix, _ weight: FrozenWeight, into dx: HostMatrix, adding: Bool,
        _ workspace: ProcessorWorkspace
    ) {
        projectBack(dy, weight, into: dx, adding: adding, scratch: workspace.scratch)
    }

    public func crossEntropy(
        _ x: HostMatrix, head: FrozenWeight, bias: FloatBuffer?, cap: Float?, _ rows: PackedSlice,
        dx: HostMatrix?, _ workspace: ProcessorWorkspace
    ) {
        rows.targetTokens.withUnsafeBufferPointer { targets in
            workspace.losses.withUnsafeMutableBufferPointer { losses in
                crossEntropy(
                    x, head: head, bias: bias, cap: cap, targets: targets, losses: losses, dx: dx,
                    scratch: workspace.scratch)
            }
        }
    }

    public func losses(_ workspace: ProcessorWorkspace, count: Int) -> ArraySlice<Double> {
        workspace.losses[..<count]
    }

    public func numbers(of x: HostMatrix) -> [Float] {
        precondition(x.stride == x.columns, "contiguous rows")
        return Array(x.memory.elements[x.offset..<x.offset + x.rows * x.columns])
    }

    public func add(_ gradient: FloatBuffer, to sum: ExactSum, slicesInStep: Int) {
        sum.add(gradient, slicesInStep: slicesInStep)
    }

    public func withHostCopy(of memory: FloatBuffer, _ body: (FloatBuffer) -> Void) {
        body(memory)
    }
}

// MARK: Attention of a slice

extension Backend {
    public func attend(
        _ operands: AttentionOperands<FloatBuffer>, _ rows: PackedSlice, _ set: RowSet,
        _ shape: AttentionShape, _ workspace: ProcessorWorkspace
    ) {
        for run in rows.queries(set).runs {
            attend(
                operands.query.rows(run.queries),
                collected(operands.key, seenBy: run, rows, in: workspace.pathKey),
                collected(operands.value, seenBy: run, rows, in: workspace.pathValue),
                shape: shape, into: operands.attended.rows(run.queries),
                logSums: operands.logSums.rows(run.queries), past: run.firstPosition,
                scratch: workspace.scratch)
        }
    }

    public func attendBack(
        _ dAttended: HostMatrix, _ operands: AttentionOperands<FloatBuffer>, _ rows: PackedSlice,
        _ set: RowSet, _ shape: AttentionShape, into gradients: AttentionGradients<FloatBuffer>,
        _ workspace: ProcessorWorkspace
    ) {
        if let dKey = gradients.key { clear(dKey) }
        if let dValue = gradients.value { clear(dValue) }
        for run in rows.queries(set).runs {
            let dKey = gradients.key.map {
                sumStart($0, seenBy: run, rows, in: workspace.pathKeyGradient)
            }
            let dValue = gradients.value.map {
                sumStart($0, seenBy: run, rows, in: workspace.pathValueGradient)
            }
            attendBack(
                dAttended.rows(run.queries), q: operands.query.rows(run.queries),
                k: collected(operands.key, seenBy: run, rows, in: workspace.pathKey),
                v: collected(operands.value, seenBy: run, rows, in: workspace.pathValue),
                out: operands.attended.rows(run.queries),
                logSums: operands.logSums.rows(run.queries), shape: shape,
                dq: gradients.query?.rows(run.queries), dk: dKey, dv: dValue,
                past: run.firstPosition, scratch: workspace.scratch)
            if let dKey, let sum = gradients.key { distribute(dKey, seenBy: run, rows, to: sum) }
            if let dValue, let sum = gradients.value {
                distribute(dValue, seenBy: run, rows, to: sum)
            }
        }
    }

    /// The rows of `x` that `run` sees, in the order of positions: a window of `x` where they lie
    /// side by side, else a copy in `buffer`.
    private func collected(
        _ x: HostMatrix, seenBy run: PackedSlice.QueryRun, _ slice: PackedSlice,
        in buffer: FloatBuffer
    ) -> HostMatrix {
        if let rows = slice.contiguousRows(seenBy: run) { return x.rows(rows) }
        let path = Matrix(buffer, rows: run.seenPositions, columns: x.columns)
        slice.forEachStretch(seenBy: run) { rows, positions in
            copy(x.rows(rows), into: path.rows(positions))
        }
        return path
    }

    /// Where the gradient of what ``collected(_:seenBy:_:in:)`` gives is to be added.
    private func sumStart(
        _ sum: HostMatrix, seenBy run: PackedSlice.QueryRun, _ slice: PackedSlice,
        in buffer: FloatBuffer
    ) -> HostMatrix {
        if let rows = slice.contiguousRows(seenBy: run) { return sum.rows(rows) }
        let path = Matrix(buffer, rows: run.seenPositions, columns: sum.columns)
        clear(path)
        return path
    }

    /// Adds the gradient of a path to the rows that it was collected from.
    private func distribute(
        _ path: HostMatrix, seenBy run: PackedSlice.QueryRun, _ slice: PackedSlice,
        to sum: HostMatrix
    ) {
        guard slice.contiguousRows(seenBy: run) == nil else { return }
        slice.forEachStretch(seenBy: run) { rows, positions in
            add(path.rows(positions), to: sum.rows(rows))
        }
    }
}

/// The working memory of one lane on the processor.
///
/// `@unchecked Sendable`: a lane is the only user of its workspace.
public final class ProcessorWorkspace: @unchecked Sendable {
    public let scratch: Scratch
    /// Keys and values of a whole path of segments, one after the other, and their gradients,
    /// `[positions, keyValueHeads · d]`.
    let pathKey: FloatBuffer
    let pathValue: FloatBuffer
    let pathKeyGradient: FloatBuffer
    let pathValueGradient: FloatBuffer
    fileprivate var losses: [Double]

    init(_ needs: WorkspaceNeeds, compute: ComputeType) {
        let shape = needs.model
        scratch = Scratch(
            halfRows: compute == .float32 ? 0 : needs.rows, longestSegment: needs.longestSegment,
            logitRows: min(needs.targets, Backend.logitRows),
            vocabularySize: shape.vocabularySize,
            capsScores: needs.training && shape.scoreCap != nil,
            capsLogits: needs.training && shape.logitCap != nil)
        let path =
            needs.sharesRows
            ? needs.longestSegment * shape.keyValueHeadCount * shape.headDimension : 0
        pathKey = FloatBuffer(count: path)
        pathValue = FloatBuffer(count: path)
        pathKeyGradient = FloatBuffer(count: needs.training ? path : 0)
        pathValueGradient = FloatBuffer(count: needs.training ? path : 0)
        losses = [Double](repeating: 0, count: max(1, needs.targets))
    }
}

extension PackedSlice {
    /// The rows of a set as the queries of a layer.
    public func queries(_ set: RowSet) -> Queries { set == .all ? allQueries : targetQueries }
}
