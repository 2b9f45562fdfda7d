public import ProgressReports
import Synchronization
import Words

extension RunStore {
    /// Whether anything came of a run.
    public func knows(_ runID: String) throws(RunStoreError) -> Bool {
        try reading { try Self.number(of: runID, $0) != nil }
    }

    /// The records of some rows, as far as they fit.
    ///
    /// - Parameters:
    ///   - rows: From ``rows(of:after:every:limit:mostScanned:)``.
    ///   - mostBytes: At most about so much of what is stored, but one record in any case.
    /// - Returns: Those that can be read, and how many of the rows were looked at.
    public func records(
        at rows: some Sequence<Int64>, mostBytes: Int = .max
    ) throws(RunStoreError) -> (records: [TimedRecord], rowCount: Int) {
        try reading { database in
            var records: [TimedRecord] = []
            var (bytes, count) = (0, 0)
            for row in rows {
                guard bytes < mostBytes else { break }
                count += 1
                let message = try database.first(
                    "SELECT message FROM record WHERE row = ?", [.integer(row)]
                ) { $0.bytes(0) }
                guard let message else { continue }
                bytes += message.count
                if let record = Self.decoded(message) { records.append(record) }
            }
            return (records, count)
        }
    }

    /// Calls `body` with the records of a run in the order of arrival, however many there are; see
    /// ``rows(of:after:every:limit:mostScanned:)``.
    public func forEachRecord(
        of runID: String, every: Int? = 1, _ body: (TimedRecord) -> Void
    ) throws(RunStoreError) {
        var rows = try rows(of: runID, every: every).rows[...]
        while !rows.isEmpty {
            let part = try records(at: rows, mostBytes: 1 << 20)
            part.records.forEach(body)
            rows = rows.dropFirst(part.rowCount)
        }
    }

    /// All records of a run in the order of arrival.
    public func records(
        of runID: String, every: Int? = 1
    ) throws(RunStoreError) -> [TimedRecord] {
        try records(at: rows(of: runID, every: every).rows).records
    }

    /// The newest record of a kind of a run's newest job.
    public func newest(
        _ kind: String, of runID: String
    ) throws(RunStoreError) -> TimedRecord? {
        try reading { database in
            try Self.number(of: runID, database).flatMap { try Self.last(kind, of: $0, database) }
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
            try database.all(
                """
                SELECT number, id, name, started, updated, last_row FROM run
                ORDER BY updated DESC, number DESC
                """
            ) { try Self.summary($0, database, summaries, now: now) }
        }
    }

    /// The one run whose name or identifier it is, or else whose identifier begins with it.
    ///
    /// - Parameter text: A "/" at its end, as shells complete folders, does not count.
    /// - Throws: ``RunStoreError`` if there is none or more than one; then it names them.
    public func run(matching text: String) throws(RunStoreError) -> RunSummary {
        let all = try runs()
        let text = text.last == "/" ? String(text.dropLast()) : text
        let exact = all.filter { $0.runID == text || $0.name == text }
        let found = exact.isEmpty ? all.filter { $0.runID.hasPrefix(text) } : exact
        guard let run = found.first, !text.isEmpty else {
            throw RunStoreError(
                "no run '\(text.printable)' in \(path)", at: nil, hint: "lora runs lists them")
        }
        guard found.count == 1 else {
            let names = found.prefix(5).map { $0.runID.prefix(12).description.printable }.joined(
                separator: ", ")
            throw RunStoreError(
                "'\(text.printable)' means \(found.count) runs (\(names))", at: nil,
                hint: "Give more of the identifier")
        }
        return run
    }

    func reading<Result>(
        _ body: (SQLiteConnection) throws -> Result
    ) throws(RunStoreError) -> Result {
        do {
            return try readers.read(body)
        } catch {
            throw RunStoreError(error, path: path)
        }
    }

    static func number(of runID: String, _ database: SQLiteConnection) throws -> Int64? {
        try database.first("SELECT number FROM run WHERE id = ?", [.text(runID)]) { $0.integer(0) }
    }

    private static func decoded(_ message: [UInt8]) -> TimedRecord? {
        try? ProgressMessage.decode(message)
    }

    private static func summary(
        _ run: SQLiteRow, _ database: SQLiteConnection, _ cache: SummaryCache, now: Int64
    ) throws -> RunSummary {
        let number = run.integer(0)
        let identity = RunSummary.Identity(
            runID: run.text(1), name: run.text(2), startedNanoseconds: run.integer(3),
            updatedNanoseconds: run.integer(4), lastRow: run.integer(5))
        if let newest = cache[number, lastRow: identity.lastRow] {
            return RunSummary(identity, newest, now: now)
        }
        var newest = RunSummary.Newest()
        newest.jobs = try count("run_started", of: number, database)
        newest.checkpoints = try count("checkpoint", of: number, database)
        newest.warnings = try count("warning", of: number, database)
        newest.start = try last("run_started", of: number, database)?.withoutLongTexts
        newest.step = try last("step", of: number, database)
        newest.evaluation = try last("evaluation", of: number, database)
        newest.checkpoint = try last("checkpoint", of: number, database)
        let ends = try ["finished", "failed"].compactMap { try last($0, of: number, database) }
        newest.end = ends.max { ($0.epoch, $0.sequence) < ($1.epoch, $1.sequence) }
        cache.keep(newest, of: number, lastRow: identity.lastRow)
        return RunSummary(identity, newest, now: now)
    }

    /// Of the newest job: what an older one still had in its spool may arrive later.
    private static func last(
        _ kind: String, of run: Int64, _ database: SQLiteConnection
    ) throws -> TimedRecord? {
        try database.first(
            """
            SELECT message FROM record WHERE run = ? AND kind = ?
            ORDER BY epoch DESC, sequence DESC LIMIT 1
            """, [.integer(run), .text(kind)]
        ) { $0.bytes(0) }.flatMap(decoded)
    }

    private static func count(_ kind: String, of run: Int64, _ database: SQLiteConnection) throws
        -> Int
    {
        try database.first(
            "SELECT count(*) FROM record WHERE run = ? AND kind = ?", [.integer(run), .text(kind)]
        ) { Int($0.integer(0)) } ?? 0
    }
}

extension TimedRecord {
    /// A start without what takes kilobytes and no summary shows.
    fileprivate var withoutLongTexts: TimedRecord {
        guard case .runStarted(var start) = record else { return self }
        start.configuration = ""
        start.hosts = []
        var result = self
        result.record = .runStarted(start)
        return result
    }
}

/// The newest records of runs, which change only when something arrives of them.
final class SummaryCache: Sendable {
    private let kept = Mutex<[Int64: (lastRow: Int64, newest: RunSummary.Newest)]>([:])

    subscript(_ run: Int64, lastRow lastRow: Int64) -> RunSummary.Newest? {
        kept.withLock { kept in kept[run].flatMap { $0.lastRow == lastRow ? $0.newest : nil } }
    }

    func keep(_ newest: RunSummary.Newest, of run: Int64, lastRow: Int64) {
        kept.withLock { $0[run] = (lastRow, newest) }
    }
}
