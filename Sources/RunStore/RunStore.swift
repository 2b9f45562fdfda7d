import Faults
import FoundationEssentials
import Glibc
public import ProgressReports
import Synchronization

/// The records of many runs in one SQLite file: what the collector keeps and others read.
///
/// One process writes, any number read, also while it writes (write-ahead log). A batch of records is one
/// transaction that is on the disk when ``append(_:)`` returns; each (run, epoch, sequence) stands there
/// once, however often it came.
public final class RunStore: Sendable {
    public let path: String
    /// `nil` in a store that is only read.
    private let writer: Mutex<SQLiteConnection?>
    let readers: ReadingConnections
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
        readers = ReadingConnections(path, busySeconds: busySeconds)
        do {
            let connection = try SQLiteConnection(path, for: .writing, busySeconds: busySeconds)
            let origin = try StoreOrigin(connection)
            guard origin == .nobody || origin == .thisVersion else {
                throw RunStoreError(origin, path: path)
            }
            try StoreOrigin.prepareForWriting(connection)
            writer = Mutex(connection)
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
        writer = Mutex(nil)
        readers = ReadingConnections(path, busySeconds: 5)
        let origin = try reading { try StoreOrigin($0) }
        guard origin == .thisVersion else { throw RunStoreError(origin, path: path) }
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
            return try writer.withLock { database in
                guard let database else {
                    throw RunStoreError(
                        "was opened for reading", at: path, exitCode: .internalError)
                }
                return try database.transaction(isWriting: true) {
                    var added: [Int] = []
                    for (index, record) in records.enumerated() {
                        let isNew = try Self.insert(record, database)
                        try Self.note(record, at: nanoseconds, isNew: isNew, database)
                        if isNew { added.append(index) }
                    }
                    return added
                }
            }
        } catch {
            throw RunStoreError(error, path: path)
        }
    }

    /// Brings the run's own row up to date.
    private static func note(
        _ record: TimedRecord, at nanoseconds: Int64, isNew: Bool, _ database: SQLiteConnection
    ) throws {
        let name: String? =
            if case .runStarted(let start) = record.record { start.name } else { nil }
        try database.run(
            """
            UPDATE run SET name = coalesce(?2, name), started = min(started, ?3),
                updated = max(updated, ?4), last_row = coalesce(?5, last_row)
            WHERE id = ?1
            """,
            [
                .text(record.runID), name.map { .text($0) } ?? .null,
                .integer(record.unixTimeNanoseconds), .integer(nanoseconds),
                isNew ? .integer(database.lastInsertedRow) : .null,
            ])
    }

    /// - Returns: Whether it was not there already.
    private static func insert(_ record: TimedRecord, _ database: SQLiteConnection) throws -> Bool {
        try database.run(
            "INSERT OR IGNORE INTO run (id, started, updated) VALUES (?, ?, 0)",
            [.text(record.runID), .integer(record.unixTimeNanoseconds)])
        let before = database.totalChanges
        let loss: Double? = if case .step(let step) = record.record { step.loss } else { nil }
        try database.run(
            """
            INSERT OR IGNORE INTO record (run, epoch, sequence, kind, step, loss, message)
            SELECT number, ?2, ?3, ?4, ?5, ?6, ?7 FROM run WHERE id = ?1
            """,
            [
                .text(record.runID), .integer(Int64(clamping: record.epoch)),
                .integer(Int64(clamping: record.sequence)), .text(record.record.kind),
                record.record.step.map { .integer(Int64($0)) } ?? .null,
                loss.map { .real($0) } ?? .null, .bytes(ProgressMessage.encode(record)),
            ])
        return database.totalChanges > before
    }
}
