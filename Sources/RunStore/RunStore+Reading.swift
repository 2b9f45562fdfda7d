import FoundationEssentials
import GRDB
public import ProgressReports

extension RunStore {
    /// A record and where it stands in the store: rows grow in the order of arrival.
    public struct StoredRecord: Sendable {
        public let row: Int64
        public let record: TimedRecord
    }

    /// The records of a run in the order of arrival.
    ///
    /// - Parameters:
    ///   - runID: As in its records.
    ///   - after: Only those of later rows.
    ///   - every: Of steps only those whose number it divides.
    ///   - limit: At most so many.
    public func records(
        of runID: String, after: Int64 = 0, every: Int = 1, limit: Int = .max
    ) throws(RunStoreError) -> [StoredRecord] {
        try reading { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT row, message FROM record
                    WHERE run = (SELECT number FROM run WHERE id = ?) AND row > ?
                        AND (kind <> 'step' OR step % ? = 0)
                    ORDER BY row LIMIT ?
                    """, arguments: [runID, after, max(1, every), limit]
            ).compactMap(Self.storedRecord)
        }
    }

    /// All runs, the one that was heard of last first.
    ///
    /// - Parameter now: Nanoseconds since 1970; a run that is not over and was not heard of for
    ///   ``RunSummary/silentSeconds`` counts as silent.
    public func runs(
        now: Int64 = unixTimeNanoseconds()
    ) throws(RunStoreError) -> [RunSummary] {
        try reading { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM run ORDER BY updated DESC, number DESC"
            ).map { try Self.summary($0, database, now: now) }
        }
    }

    /// The one run whose identifier begins with `text`, or whose name it is.
    ///
    /// - Throws: ``RunStoreError`` if there is none or more than one; then it names them.
    public func run(matching text: String) throws(RunStoreError) -> RunSummary {
        let all = try runs()
        let found = all.filter { $0.runID.hasPrefix(text) || $0.name == text }
        guard let run = found.first, !text.isEmpty else {
            throw RunStoreError(
                "no run '\(text.printable)' in \(path)", at: nil, hint: "lora runs lists them")
        }
        guard found.count == 1 else {
            let names = found.prefix(5).map { $0.runID.prefix(12) }.joined(separator: ", ")
            throw RunStoreError(
                "'\(text.printable)' means \(found.count) runs (\(names))", at: nil,
                hint: "Give more of the identifier")
        }
        return run
    }

    private func reading<Result>(
        _ body: (Database) throws -> Result
    ) throws(RunStoreError) -> Result {
        do {
            return try database.read(body)
        } catch {
            throw RunStoreError(error, path: path)
        }
    }

    private static func storedRecord(_ row: Row) -> StoredRecord? {
        guard let record = decoded(row) else { return nil }
        return StoredRecord(row: row["row"], record: record)
    }

    private static func decoded(_ row: Row) -> TimedRecord? {
        let message: Data = row["message"]
        return try? ProgressMessage.decode([UInt8](message))
    }

    private static func summary(_ run: Row, _ database: Database, now: Int64) throws -> RunSummary {
        let number: Int64 = run["number"]
        func last(_ kinds: String...) throws -> TimedRecord? {
            // Of the newest job: what an older one still had in its spool may arrive later. One kind
            // at a time, so that each is one look into an index.
            return try kinds.compactMap { kind in
                try Row.fetchOne(
                    database,
                    sql: """
                        SELECT message FROM record WHERE run = ? AND kind = ?
                        ORDER BY epoch DESC, sequence DESC LIMIT 1
                        """, arguments: [number, kind]
                ).flatMap(decoded)
            }.max { ($0.epoch, $0.sequence) < ($1.epoch, $1.sequence) }
        }
        let jobs = try Int.fetchOne(
            database, sql: "SELECT count(*) FROM record WHERE run = ? AND kind = 'run_started'",
            arguments: [number])
        return RunSummary(
            runID: run["id"], name: run["name"], startedNanoseconds: run["started"],
            updatedNanoseconds: run["updated"], jobs: jobs ?? 0,
            start: try last("run_started"), step: try last("step"),
            evaluation: try last("evaluation"), checkpoint: try last("checkpoint"),
            end: try last("finished", "failed"), now: now)
    }
}
