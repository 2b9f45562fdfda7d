/// Where some records of a run stand.
public struct FoundRows: Sendable, Equatable {
    /// In the order of arrival.
    public let rows: [Int64]
    /// After which row to go on.
    public let last: Int64
    /// Whether there may be more.
    public let hasMore: Bool
}

extension RunStore {
    /// Where records of a run stand.
    ///
    /// - Parameters:
    ///   - runID: As in its records.
    ///   - after: Only later rows.
    ///   - every: Of so many steps those that ``StepThinning`` keeps; `nil`: none.
    ///   - limit: At most so many.
    ///   - mostScanned: Looks at no more rows, however few of them are kept. Where it ends within a group of
    ///     steps, each part of the group is thinned for itself.
    public func rows(
        of runID: String, after: Int64 = 0, every: Int? = 1, limit: Int = .max,
        mostScanned: Int = .max
    ) throws(RunStoreError) -> FoundRows {
        try reading { database in
            guard let run = try Self.number(of: runID, database) else {
                return FoundRows(rows: [], last: after, hasMore: false)
            }
            guard every != 1 else {
                let rows = try database.all(
                    "SELECT row FROM record WHERE run = ? AND row > ? ORDER BY row LIMIT ?",
                    [.integer(run), .integer(after), .integer(Int64(limit))]
                ) { $0.integer(0) }
                return FoundRows(
                    rows: rows, last: rows.last ?? after, hasMore: rows.count == limit)
            }
            // A group leaves one step at least, so more would be looked at for nothing.
            let needed = limit.multipliedReportingOverflow(by: every ?? 1)
            let span = try Span(
                of: run, after: after,
                mostRows: min(mostScanned, needed.overflow ? .max : needed.partialValue), database)
            var rows = try span.events(database)
            if let every { rows += try span.steps(every: every, database) }
            rows.sort()
            let isFull = rows.count > limit
            if isFull { rows.removeLast(rows.count - limit) }
            return FoundRows(
                rows: rows, last: (isFull ? nil : span.end) ?? rows.last ?? after,
                hasMore: isFull || span.end != nil)
        }
    }
}

/// Rows of a run that are looked at together.
private struct Span {
    private let run: Int64
    private let after: Int64
    /// Whether it may be a part of what there is.
    private let isBounded: Bool
    /// The last one; `nil` for all that follow.
    let end: Int64?

    init(of run: Int64, after: Int64, mostRows: Int, _ database: SQLiteConnection) throws {
        (self.run, self.after) = (run, after)
        isBounded = mostRows < .max
        guard isBounded else {
            end = nil
            return
        }
        let bound = try database.all(
            """
            SELECT row FROM record INDEXED BY record_run
            WHERE run = ? AND row > ? ORDER BY row LIMIT 2 OFFSET ?
            """, [.integer(run), .integer(after), .integer(Int64(max(0, mostRows - 1)))]
        ) { $0.integer(0) }
        end = bound.count == 2 ? bound[0] : nil
    }

    /// All but the steps.
    func events(_ database: SQLiteConnection) throws -> [Int64] {
        try database.all("SELECT row \(source) AND kind <> 'step'", arguments) { $0.integer(0) }
    }

    /// Those of the steps that are kept.
    func steps(every: Int, _ database: SQLiteConnection) throws -> [Int64] {
        var thinning = StepThinning<Int64>(every: every)
        try database.forEach(
            "SELECT epoch, step, loss, row \(source) AND kind = 'step' ORDER BY epoch, sequence",
            arguments
        ) { row in
            thinning.add(
                job: UInt64(bitPattern: row.integer(0)), step: Int(row.integer(1)),
                loss: row.optionalReal(2) ?? .nan, id: row.integer(3))
        }
        return thinning.finish()
    }

    /// All of a run is read fastest from the index that holds all that is asked for; a part of it stands
    /// together in the order of arrival alone.
    private var source: String {
        """
        FROM record INDEXED BY \(isBounded ? "record_run" : "record_kind")
        WHERE run = ? AND row > ? AND row <= ?
        """
    }

    private var arguments: [SQLiteValue] {
        [.integer(run), .integer(after), .integer(end ?? .max)]
    }
}
