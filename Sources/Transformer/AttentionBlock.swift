import Kernels
import ModelFiles
import Tensors

/// What a layer's attention adds to the residual stream: `O(attention(norm x))`, with its activations,
/// forward and backward.
///
/// Families differ in detail: queries, keys and values may be one projection, heads may be normalised,
/// and so may the block's output.
struct AttentionBlock<Operations: TensorOperations>: Sendable {
    typealias Memory = Operations.Memory
    typealias Pass = SlicePass<Operations>

    let norm: Operations.NormWeights
    private let queryNorm: Operations.NormWeights?
    private let keyNorm: Operations.NormWeights?
    private let outputNorm: Operations.NormWeights?
    /// Key, value and query, or the one projection that yields all.
    private let all: ProjectionGroup<Operations>
    /// Key and value, and query, apart: for a layer with fewer queries than keys. `nil` where they are
    /// one projection.
    private let keyAndValue: ProjectionGroup<Operations>?
    private let query: ProjectionGroup<Operations>?
    private let output: ProjectionGroup<Operations>
    /// `nil` where positions are learned.
    private let rotation: Operations.Rotation?
    private let heads: AttentionShape
    private let shape: DecoderConfiguration

    private var queryColumns: Int { heads.heads * heads.dimension }
    private var keyColumns: Int { heads.keyValueHeads * heads.dimension }

    init(
        layer: Int, norm: Operations.NormWeights, _ shape: DecoderConfiguration,
        _ operations: Operations, _ files: Operations.Files, _ rotation: Operations.Rotation?
    ) throws(ModelFileError) {
        self.norm = norm
        self.shape = shape
        self.rotation = rotation
        heads = shape.attentionShape(layer: layer)
        queryNorm = try operations.norm(.layer(.query, layer), files)
        keyNorm = try operations.norm(.layer(.key, layer), files)
        outputNorm = try operations.norm(.layer(.afterAttention, layer), files)
        func projection(_ kind: ProjectionKind) throws(ModelFileError) -> Projection<Operations> {
            try Projection(kind, layer: layer, operations, files)
        }
        output = ProjectionGroup([try projection(.output)])
        guard shape.family.modules[.queryKeyValue] == nil else {
            all = ProjectionGroup([try projection(.queryKeyValue)])
            (keyAndValue, query) = (nil, nil)
            return
        }
        let (key, value, query) = (
            try projection(.key), try projection(.value), try projection(.query)
        )
        all = ProjectionGroup([key, value, query])
        keyAndValue = ProjectionGroup([key, value])
        self.query = ProjectionGroup([query])
    }

    // MARK: Forward

    /// Computes the block and adds it to the residual stream.
    ///
    /// - Parameters:
    ///   - kept: Its input is the residual stream as it enters the layer.
    ///   - set: The rows with a query.
    ///   - cache: Where keys and values lie, if not in `kept`.
    ///   - sum: `[queries, width]`, overwritten.
    /// - Returns: The layer's input at the rows with a query.
    func forward(
        _ pass: Pass, _ kept: AttentionActivations<Memory>, queries set: RowSet,
        cache: KeyValueCache<Memory>? = nil, into sum: Matrix<Memory>
    ) -> Matrix<Memory> {
        let operations = pass.operations
        let views = Views(kept, self, pass, set, cache)
        let input = Matrix(kept.input, rows: pass.rowCount, columns: shape.width)
        let normalized = Matrix(
            pass.scratch.normalized, rows: pass.rowCount, columns: shape.width)
        operations.normalize(input, norm, into: normalized, statistics: kept.inputStatistics)
        projectInput(pass, normalized, views, set)
        if let keyNorm, let statistics = kept.keyStatistics {
            normalizeHeads(pass, views.plainKey, keyNorm, into: views.key, statistics)
        }
        if let queryNorm, let statistics = kept.queryStatistics {
            normalizeHeads(
                pass, views.plainQuery, queryNorm, into: views.operands.query, statistics)
        }
        if let rotation {
            operations.rotate(
                views.key, heads: heads.keyValueHeads, pass.rows, .all, rotation, inverse: false)
            operations.rotate(
                views.operands.query, heads: heads.heads, pass.rows, set, rotation, inverse: false)
        }
        operations.attend(views.operands, pass.rows, set, heads, pass.workspace)
        let residual = pass.gathered(input, set)
        add(pass, views.operands.attended, kept, to: residual, into: sum)
        return residual
    }

    /// Keys, values and queries before heads are normalised and rotated.
    private func projectInput(
        _ pass: Pass, _ normalized: Matrix<Memory>, _ views: Views, _ set: RowSet
    ) {
        guard let keyAndValue, let query else {
            return projectFused(pass, normalized, views, set)
        }
        if set == .all {
            pass.operations.project(
                normalized, all, pass.adapter,
                into: GroupOperands(views.plainKey, views.value, views.plainQuery), pass.workspace)
            return
        }
        pass.operations.project(
            normalized, keyAndValue, pass.adapter,
            into: GroupOperands(views.plainKey, views.value), pass.workspace)
        pass.operations.project(
            pass.gathered(normalized, set), query, pass.adapter,
            into: GroupOperands(views.plainQuery), pass.workspace)
    }

    private func projectFused(
        _ pass: Pass, _ normalized: Matrix<Memory>, _ views: Views, _ set: RowSet
    ) {
        let operations = pass.operations
        let fused = Matrix(
            pass.scratch.fused, rows: normalized.rows,
            columns: shape.size(of: .queryKeyValue).outputs)
        operations.project(
            normalized, all, pass.adapter, into: GroupOperands(fused), pass.workspace)
        operations.split(fused, shape.fusedColumns(of: .key), into: views.plainKey)
        operations.split(fused, shape.fusedColumns(of: .value), into: views.value)
        let blocks = shape.fusedColumns(of: .query)
        guard set == .targets else {
            return operations.split(fused, blocks, into: views.plainQuery)
        }
        let queries = Matrix(
            pass.scratch.fusedQuery, rows: normalized.rows, columns: queryColumns)
        operations.split(fused, blocks, into: queries)
        operations.gatherTargets(queries, pass.rows, into: views.plainQuery)
    }

    private func normalizeHeads(
        _ pass: Pass, _ plain: Matrix<Memory>, _ norm: Operations.NormWeights,
        into x: Matrix<Memory>, _ statistics: Memory
    ) {
        pass.operations.normalize(
            plain.heads(of: heads.dimension), norm, into: x.heads(of: heads.dimension),
            statistics: statistics)
    }

    private func add(
        _ pass: Pass, _ attended: Matrix<Memory>, _ kept: AttentionActivations<Memory>,
        to residual: Matrix<Memory>, into sum: Matrix<Memory>
    ) {
        let operations = pass.operations
        if let outputNorm, let memory = kept.output, let statistics = kept.outputStatistics {
            let yielded = Matrix(memory, rows: sum.rows, columns: sum.columns)
            operations.project(
                attended, output, pass.adapter, into: GroupOperands(yielded), pass.workspace)
            operations.normalize(yielded, outputNorm, into: sum, statistics: statistics)
        } else {
            operations.project(
                attended, output, pass.adapter, into: GroupOperands(sum), pass.workspace)
        }
        operations.add(residual, to: sum)
    }

    // MARK: Backward

    /// The gradient of what attention yields; `nil` if nobody asks.
    ///
    /// - Parameter residual: The gradient of the residual stream that the block was added to.
    func backwardOutput(
        _ pass: Pass, _ adapter: AdapterOperands<Memory>, _ kept: AttentionActivations<Memory>,
        _ residual: Matrix<Memory>, _ wants: WantedGradients
    ) -> Matrix<Memory>? {
        guard wants.attention else { return nil }
        let attended = Matrix(kept.attended, rows: residual.rows, columns: queryColumns)
        let dAttended =
            wants.attended
            ? Matrix(pass.scratch.attended, rows: residual.rows, columns: queryColumns) : nil
        let dOutput = pass.blockGradient(
            residual, outputNorm, output: kept.output, kept.outputStatistics)
        pass.operations.projectBack(
            GroupOperands(dOutput), x: attended, output, adapter, into: dAttended, pass.workspace)
        return dAttended
    }

    /// `dx = dm + norm'(Qᵀ·dq + Kᵀ·dk + Vᵀ·dv)`, left in the scratch's `residual`.
    ///
    /// - Parameters:
    ///   - residual: `dm`, at the rows with a query.
    ///   - dAttended: What ``backwardOutput(_:_:_:_:_:)`` gave.
    func backward(
        _ pass: Pass, _ adapter: AdapterOperands<Memory>, _ kept: AttentionActivations<Memory>,
        queries set: RowSet, _ residual: Matrix<Memory>, _ dAttended: Matrix<Memory>,
        _ wants: WantedGradients
    ) {
        let (operations, scratch, rows) = (pass.operations, pass.scratch, pass.rowCount)
        let gradients = attentionGradients(pass, kept, set, dAttended, wants)
        let input = Matrix(kept.input, rows: rows, columns: shape.width)
        let normalized = Matrix(scratch.normalized, rows: rows, columns: shape.width)
        let dNormalized =
            wants.input
            ? Matrix(scratch.normalizedGradient, rows: rows, columns: shape.width) : nil
        operations.normalizeAgain(
            input, norm, statistics: kept.inputStatistics, into: normalized)
        if keyAndValue == nil {
            leaveFused(pass, adapter, gradients, set, x: normalized, into: dNormalized)
        } else {
            leave(pass, adapter, gradients, set, x: normalized, into: dNormalized)
        }
        guard let dNormalized else { return }
        let dInput = Matrix(scratch.residual, rows: rows, columns: shape.width)
        if set == .targets {
            operations.clear(dInput)
            operations.scatterAddTargets(residual, pass.rows, to: dInput)
        }
        operations.normalizeBack(
            dNormalized, x: input, norm, statistics: kept.inputStatistics, into: dInput)
    }

    /// Gradients of attention's operands before rotation, and before heads were normalised.
    private func attentionGradients(
        _ pass: Pass, _ kept: AttentionActivations<Memory>, _ set: RowSet,
        _ dAttended: Matrix<Memory>, _ wants: WantedGradients
    ) -> AttentionGradients<Memory> {
        let (operations, scratch) = (pass.operations, pass.scratch)
        let views = Views(kept, self, pass, set, nil)
        func gradient(
            _ memory: Memory, of operand: Matrix<Memory>, _ isWanted: Bool
        ) -> Matrix<Memory>? {
            isWanted ? Matrix(memory, rows: operand.rows, columns: operand.columns) : nil
        }
        let gradients = AttentionGradients(
            query: gradient(scratch.query, of: views.operands.query, wants.query),
            key: gradient(scratch.key, of: views.key, wants.key),
            value: gradient(scratch.value, of: views.value, wants.value))
        operations.attendBack(
            dAttended, views.operands, pass.rows, set, heads, into: gradients, pass.workspace)
        if let rotation {
            if let dQuery = gradients.query {
                operations.rotate(
                    dQuery, heads: heads.heads, pass.rows, set, rotation, inverse: true)
            }
            if let dKey = gradients.key {
                operations.rotate(
                    dKey, heads: heads.keyValueHeads, pass.rows, .all, rotation, inverse: true)
            }
        }
        normalizeHeadsBack(
            pass, gradients.query, x: views.plainQuery, queryNorm, kept.queryStatistics)
        normalizeHeadsBack(pass, gradients.key, x: views.plainKey, keyNorm, kept.keyStatistics)
        return gradients
    }

    /// Replaces the gradient of normalised heads by that of the heads before.
    private func normalizeHeadsBack(
        _ pass: Pass, _ gradient: Matrix<Memory>?, x: Matrix<Memory>,
        _ norm: Operations.NormWeights?, _ statistics: Memory?
    ) {
        guard let gradient, let norm, let statistics else { return }
        let plain = Matrix(pass.scratch.plainHeads, rows: x.rows, columns: x.columns)
        pass.operations.clear(plain)
        pass.operations.normalizeBack(
            gradient.heads(of: heads.dimension), x: x.heads(of: heads.dimension), norm,
            statistics: statistics, into: plain.heads(of: heads.dimension))
        pass.operations.copy(plain, into: gradient)
    }

    /// Gradients of the projections before attention.
    private func leave(
        _ pass: Pass, _ adapter: AdapterOperands<Memory>, _ gradients: AttentionGradients<Memory>,
        _ set: RowSet, x normalized: Matrix<Memory>, into dNormalized: Matrix<Memory>?
    ) {
        let operations = pass.operations
        guard set == .targets, let keyAndValue, let query else {
            return operations.projectBack(
                GroupOperands(gradients.key, gradients.value, gradients.query), x: normalized, all,
                adapter, into: dNormalized, pass.workspace)
        }
        operations.projectBack(
            GroupOperands(gradients.key, gradients.value), x: normalized, keyAndValue, adapter,
            into: dNormalized, pass.workspace)
        guard let dQuery = gradients.query else { return }
        let dGathered = dNormalized.map {
            Matrix(pass.scratch.gatheredGradient, rows: pass.targetCount, columns: $0.columns)
        }
        operations.projectBack(
            GroupOperands(dQuery), x: pass.gathered(normalized, set), query, adapter,
            into: dGathered, pass.workspace)
        if let dGathered, let dNormalized {
            operations.scatterAddTargets(dGathered, pass.rows, to: dNormalized)
        }
    }

    /// The same where they are one projection, whose gradient has all rows.
    private func leaveFused(
        _ pass: Pass, _ adapter: AdapterOperands<Memory>, _ gradients: AttentionGradients<Memory>,
        _ set: RowSet, x normalized: Matrix<Memory>, into dNormalized: Matrix<Memory>?
    ) {
        guard var dQuery = gradients.query, let dKey = gradients.key, let dValue = gradients.value
        else { return }
        let operations = pass.operations
        if set == .targets {
            let all = Matrix(
                pass.scratch.fusedQuery, rows: normalized.rows, columns: dQuery.columns)
            operations.clear(all)
            operations.scatterAddTargets(dQuery, pass.rows, to: all)
            dQuery = all
        }
        let fused = Matrix(
            pass.scratch.fused, rows: normalized.rows,
            columns: shape.size(of: .queryKeyValue).outputs)
        operations.join(dQuery, shape.fusedColumns(of: .query), into: fused)
        operations.join(dKey, shape.fusedColumns(of: .key), into: fused)
        operations.join(dValue, shape.fusedColumns(of: .value), into: fused)
        operations.projectBack(
            GroupOperands(fused), x: normalized, all, adapter, into: dNormalized, pass.workspace)
    }

    /// Views of what is kept: keys and values of the slice's rows, the rest of the rows with a query.
    private struct Views {
        let operands: AttentionOperands<Memory>
        /// Keys and values of this slice's rows; `operands` may see earlier ones too.
        let key: Matrix<Memory>
        let value: Matrix<Memory>
        /// Before heads were normalised and rotated; the same where they are not normalised.
        let plainQuery: Matrix<Memory>
        let plainKey: Matrix<Memory>

        init(
            _ kept: AttentionActivations<Memory>, _ block: AttentionBlock, _ pass: Pass,
            _ set: RowSet, _ cache: KeyValueCache<Memory>?
        ) {
            let (rows, queries) = (pass.rowCount, pass.count(set))
            let past = cache?.past ?? 0
            let keys = Matrix(
                cache?.keys ?? kept.key, rows: past + rows, columns: block.keyColumns)
            let values = Matrix(
                cache?.values ?? kept.value, rows: past + rows, columns: block.keyColumns)
            key = keys.rows(past..<past + rows)
            value = values.rows(past..<past + rows)
            operands = AttentionOperands(
                query: Matrix(kept.query, rows: queries, columns: block.queryColumns), key: keys,
                value: values,
                attended: Matrix(kept.attended, rows: queries, columns: block.queryColumns),
                logSums: Matrix(kept.logSums, rows: queries, columns: block.heads.heads))
            plainQuery = Matrix(
                kept.plainQuery ?? kept.query, rows: queries, columns: block.queryColumns)
            plainKey =
                kept.plainKey.map { Matrix($0, rows: rows, columns: block.keyColumns) } ?? key
        }
    }
}

/// Keys and values of the past of one sequence, each `[capacity, keyValueHeads · d]`.
struct KeyValueCache<Memory: TensorMemory> {
    let keys: Memory
    let values: Memory
    /// Positions that are there.
    let past: Int
}

/// What the backward pass needs of an ``AttentionBlock``.
///
/// Input, keys and values are of every row of a slice, the rest of the rows with a query. What a family
/// lacks is absent.
struct AttentionActivations<Memory: TensorMemory> {
    /// The residual stream as it enters the layer, `[rows, width]`.
    private(set) var input: Memory
    let inputStatistics: Memory
    /// After rotation, `[queries, heads · d]` and `[rows, keyValueHeads · d]`.
    let query: Memory
    let key: Memory
    let value: Memory
    /// Before heads were normalised and rotated.
    let plainQuery: Memory?
    let plainKey: Memory?
    let queryStatistics: Memory?
    let keyStatistics: Memory?
    /// What attention yields, `[queries, heads · d]`, and `[queries, heads]`.
    let attended: Memory
    let logSums: Memory
    /// What the block yields, where that is normalised, `[queries, width]`.
    let output: Memory?
    let outputStatistics: Memory?

    /// - Parameter keyRows: Rows of keys and values: 0 where they are in a cache.
    init<Operations: TensorOperations>(
        _ operations: Operations, _ shape: DecoderConfiguration, rows: Int, queries: Int,
        keyRows: Int
    ) where Operations.Memory == Memory {
        let (heads, keyHeads) = (shape.headCount, shape.keyValueHeadCount)
        let norms = shape.family.norms
        func operand(_ rows: Int, _ columns: Int) -> Memory {
            operations.memory(.operand, count: rows * columns)
        }
        func statistics(_ rows: Int) -> Memory {
            operations.memory(.statistics, count: rows * shape.statisticsPerRow)
        }
        input = operations.memory(.residual, count: rows * shape.width)
        inputStatistics = statistics(rows)
        query = operand(queries, heads * shape.headDimension)
        key = operand(keyRows, keyHeads * shape.headDimension)
        value = operand(keyRows, keyHeads * shape.headDimension)
        let (normalisesQueries, normalisesKeys) = (norms[.query] != nil, norms[.key] != nil)
        plainQuery = normalisesQueries ? operand(queries, heads * shape.headDimension) : nil
        plainKey = normalisesKeys ? operand(rows, keyHeads * shape.headDimension) : nil
        queryStatistics = normalisesQueries ? statistics(queries * heads) : nil
        keyStatistics = normalisesKeys ? statistics(rows * keyHeads) : nil
        attended = operand(queries, heads * shape.headDimension)
        logSums = operations.memory(.statistics, count: queries * heads)
        let normalisesOutput = norms[.afterAttention] != nil
        output = normalisesOutput ? operand(queries, shape.width) : nil
        outputStatistics = normalisesOutput ? statistics(queries) : nil
    }

    /// The same but for an input of its own: for layers that are computed again.
    func sharingAll(but input: Memory) -> AttentionActivations {
        var other = self
        other.input = input
        return other
    }
}
