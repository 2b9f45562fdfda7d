public import Slices

/// What the products of a slice depend on: how many rows, and who attends to how many.
public struct SliceWork: Sendable, Equatable {
    /// Queries at consecutive positions of one sequence.
    public struct Run: Sendable, Equatable {
        public let queries: Int
        /// Keys before the first query's own.
        public let keysBefore: Int

        public init(queries: Int, keysBefore: Int) {
            self.queries = queries
            self.keysBefore = keysBefore
        }
    }

    /// Rows whose keys and values are computed.
    public let rows: Int
    /// Rows of the last layer's queries and of the logits.
    public let targets: Int
    /// Attention of all layers but the last.
    public let runs: [Run]
    /// Attention of the last layer.
    public let targetRuns: [Run]

    public init(rows: Int, targets: Int, runs: [Run], targetRuns: [Run]) {
        self.rows = rows
        self.targets = targets
        self.runs = runs
        self.targetRuns = targetRuns
    }

    public init(_ slice: PackedSlice) {
        func runs(_ queries: PackedSlice.Queries) -> [Run] {
            queries.runs.map { Run(queries: $0.queries.count, keysBefore: $0.firstPosition) }
        }
        self.init(
            rows: slice.tokens.count, targets: slice.targetRows.count,
            runs: runs(slice.allQueries), targetRuns: runs(slice.targetQueries))
    }
}
