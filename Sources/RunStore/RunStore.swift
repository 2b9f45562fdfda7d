import FoundationEssentials
import GRDB
import Glibc
public import ProgressReports

/// The records of many runs in one SQLite file: what the collector keeps and others read.
///
/// One process writes, any number read, also while it writes (write-ahead log). A batch of records is one
/// transaction that is on the disk when ``append(_:)`` returns; each (run, epoch, sequence) stands there
/// once, however often it came.
public final class RunStore: Sendable {
    public let path: String
    let database: any DatabaseReader & DatabaseWriter
    let summaries = SummaryCache()

    /// `$XDG_DATA_HOME/lora-cluster/runs.sqlite`, or under `~/.local/share`.
    public static var defaultPath: String {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? "/var/lib"
        let data = environment["XDG_DATA_HOME"].flatMap { $0.isEmpty ? nil : $0 }
        return (data ?? home + "/.local/share") + "/lora-cluster/runs.sqlite"
    }

    /// Opens the store for writing, and makes it where there is none.
    ///
    /// - Parameter busySeconds: How long another program may keep the file from being written.
    /// - Throws: ``RunStoreError`` naming the file; also if another version of the program made it, or
    ///   something else.
    public init(writing path: String, busySeconds: Double = 10) throws(RunStoreError) {
        self.path = path
        try Self.checkIsNoFolder(path)
        if path == Self.defaultPath {
            let folder = String(path.dropLast("/runs.sqlite".count))
            try? FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            guard access(folder, W_OK | X_OK) == 0 else {
                throw RunStoreError(
                    "cannot be made or written (\(String(cString: strerror(errno))))", at: folder,
                    hint: "Name another file with --store")
            }
        }
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(busySeconds)
            configuration.prepareDatabase { database in
                // An acknowledged record survives a power cut.
                try database.execute(sql: "PRAGMA synchronous = FULL")
            }
            let pool = try DatabasePool(path: path, configuration: configuration)
            let origin = try pool.writeWithoutTransaction(StoreOrigin.init)
            guard origin == .nobody || origin == .thisVersion else {
                throw RunStoreError(origin, path: path)
            }
            try StoreOrigin.migrator.migrate(pool)
            // A store that may only be read is found out now, not with the first record.
            try pool.write { _ in }
            database = pool
        } catch let error as RunStoreError {
            throw error
        } catch {
            throw RunStoreError(error, path: path)
        }
    }

    /// Opens an existing store for reading.
    ///
    /// - Throws: ``RunStoreError`` naming the file; also if another version of the program made it, or
    ///   something else.
    public init(reading path: String) throws(RunStoreError) {
        self.path = path
        guard access(path, F_OK) == 0 else {
            throw RunStoreError(
                "does not exist", at: path,
                hint: "lora-collector makes it; --store names another file")
        }
        try Self.checkIsNoFolder(path)
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            database = try DatabasePool(path: path, configuration: configuration)
            let origin = try database.read(StoreOrigin.init)
            guard origin == .thisVersion else { throw RunStoreError(origin, path: path) }
        } catch let error as RunStoreError {
            throw error
        } catch {
            throw RunStoreError(error, path: path)
        }
    }

    private static func checkIsNoFolder(_ path: String) throws(RunStoreError) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        throw RunStoreError(
            "is a folder", at: path,
            hint: "A collector's store is one file; lora report and lora verify take a run's folder"
        )
    }

    /// Adds records, all or none, on the disk when it returns. Those that are there already stay as
    /// they are.
    ///
    /// - Parameter nanoseconds: When they arrived, since 1970 by the clock of whoever reads the store;
    ///   what senders' clocks say decides nothing.
    /// - Returns: Which were new: their indices.
    /// - Throws: ``RunStoreError``; then none was added.
    @discardableResult
    public func append(
        _ records: [TimedRecord], at nanoseconds: Int64
    ) throws(RunStoreError) -> [Int] {
        do {
            return try database.write { database in
                var added: [Int] = []
                for (index, record) in records.enumerated() {
                    let isNew = try Self.insert(record, database)
                    try Self.note(record, at: nanoseconds, isNew: isNew, database)
                    if isNew { added.append(index) }
                }
                return added
            }
        } catch {
            throw RunStoreError(error, path: path)
        }
    }

    /// Brings the run's own row up to date.
    private static func note(
        _ record: TimedRecord, at nanoseconds: Int64, isNew: Bool, _ database: Database
    ) throws {
        let name: String? =
            if case .runStarted(let start) = record.record { start.name } else { nil }
        let run = try database.cachedStatement(
            sql: """
                UPDATE run SET name = coalesce(?2, name), started = min(started, ?3),
                    updated = max(updated, ?4), last_row = coalesce(?5, last_row)
                WHERE id = ?1
                """)
        try run.execute(
            arguments: [
                record.runID, name, record.unixTimeNanoseconds, nanoseconds,
                isNew ? database.lastInsertedRowID : nil,
            ])
    }

    /// - Returns: Whether it was not there already.
    private static func insert(_ record: TimedRecord, _ database: Database) throws -> Bool {
        let run = try database.cachedStatement(
            sql: "INSERT OR IGNORE INTO run (id, started, updated) VALUES (?, ?, 0)")
        try run.execute(arguments: [record.runID, record.unixTimeNanoseconds])
        let before = database.totalChangesCount
        let row = try database.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO record (run, epoch, sequence, kind, step, loss, message)
                SELECT number, ?2, ?3, ?4, ?5, ?6, ?7 FROM run WHERE id = ?1
                """)
        let loss: Double? = if case .step(let step) = record.record { step.loss } else { nil }
        try row.execute(
            arguments: [
                record.runID, Int64(clamping: record.epoch), Int64(clamping: record.sequence),
                record.record.kind, record.record.step, loss, Data(ProgressMessage.encode(record)),
            ])
        return database.totalChangesCount > before
    }
}
