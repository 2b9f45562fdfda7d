import CSQLite

/// What SQLite says of a file, or of a statement.
package struct SQLiteError: Error {
    /// The primary result code, like `SQLITE_BUSY`.
    let code: Int32
    let message: String

    init(code: Int32, message: String) {
        (self.code, self.message) = (code & 0xFF, message)
    }

    /// - Parameter connection: `nil` where there is not even memory for one.
    fileprivate init(_ code: Int32, _ connection: OpaquePointer?) {
        let text = connection.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        self.init(code: code, message: text.map { String(cString: $0) } ?? "error \(code)")
    }
}

/// One connection to an SQLite file.
///
/// `@unchecked Sendable`: whoever hands it on sees to it that one thread at a time uses it.
package final class SQLiteConnection: @unchecked Sendable {
    private let handle: OpaquePointer
    private var statements: [String: SQLiteStatement] = [:]

    package enum Purpose {
        case reading
        /// Makes the file where there is none.
        case writing
    }

    /// - Parameter busySeconds: How long another connection may keep this one waiting.
    package init(_ path: String, for purpose: Purpose, busySeconds: Double) throws {
        var opened: OpaquePointer?
        let flags =
            purpose == .reading
            ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let result = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard let opened, result == SQLITE_OK else {
            defer { sqlite3_close_v2(opened) }
            throw SQLiteError(result, opened)
        }
        handle = opened
        sqlite3_busy_timeout(handle, Int32(busySeconds * 1000))
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Runs statements without parameters, as many as there are.
    package func execute(_ sql: String) throws {
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw SQLiteError(result, handle) }
    }

    /// Runs one statement to its end.
    func run(_ sql: String, _ values: [SQLiteValue]) throws {
        try forEach(sql, values) { _ in }
    }

    /// Calls `body` with each row of the answer.
    func forEach(
        _ sql: String, _ values: [SQLiteValue] = [], _ body: (SQLiteRow) throws -> Void
    ) throws {
        let statement = try prepared(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() { try body(statement.row) }
    }

    package func all<Value>(
        _ sql: String, _ values: [SQLiteValue] = [], _ value: (SQLiteRow) throws -> Value
    ) throws -> [Value] {
        var found: [Value] = []
        try forEach(sql, values) { found.append(try value($0)) }
        return found
    }

    /// The first row's; `nil` where there is no row.
    func first<Value>(
        _ sql: String, _ values: [SQLiteValue] = [], _ value: (SQLiteRow) throws -> Value
    ) throws -> Value? {
        let statement = try prepared(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? value(statement.row) : nil
    }

    /// All that `body` does, or nothing; what it reads is of one moment.
    ///
    /// - Parameter isWriting: Waits for others that write before `body` begins, not within it.
    package func transaction<Value>(isWriting: Bool, _ body: () throws -> Value) throws -> Value {
        try execute(isWriting ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED")
        do {
            let value = try body()
            try execute("COMMIT")
            return value
        } catch {
            try? execute("ROLLBACK")
            throw error
        }
    }

    /// Rows that were changed since it was opened.
    var totalChanges: Int64 { sqlite3_total_changes64(handle) }
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    private func prepared(_ sql: String) throws -> SQLiteStatement {
        if let statement = statements[sql] { return statement }
        let statement = try SQLiteStatement(sql, handle)
        statements[sql] = statement
        return statement
    }
}

/// What a parameter of a statement stands for.
package enum SQLiteValue {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
}

/// A statement that was compiled, for one connection.
private final class SQLiteStatement {
    private let handle: OpaquePointer
    private let connection: OpaquePointer

    var row: SQLiteRow { SQLiteRow(statement: handle) }

    init(_ sql: String, _ connection: OpaquePointer) throws {
        var made: OpaquePointer?
        let result = sqlite3_prepare_v2(connection, sql, -1, &made, nil)
        guard let made, result == SQLITE_OK else { throw SQLiteError(result, connection) }
        (handle, self.connection) = (made, connection)
    }

    deinit { sqlite3_finalize(handle) }

    func bind(_ values: [SQLiteValue]) throws {
        for (index, value) in zip(Int32(1)..., values) {
            let result =
                switch value {
                case .null: sqlite3_bind_null(handle, index)
                case .integer(let value): sqlite3_bind_int64(handle, index, value)
                case .real(let value): sqlite3_bind_double(handle, index, value)
                case .text(let text):
                    csqlite_bind_text(handle, index, text, Int32(clamping: text.utf8.count))
                case .bytes(let bytes):
                    csqlite_bind_blob(handle, index, bytes, Int32(clamping: bytes.count))
                }
            guard result == SQLITE_OK else { throw SQLiteError(result, connection) }
        }
    }

    /// - Returns: Whether there is a row.
    func step() throws -> Bool {
        let result = sqlite3_step(handle)
        guard result != SQLITE_ROW else { return true }
        guard result == SQLITE_DONE else { throw SQLiteError(result, connection) }
        return false
    }

    func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }
}

/// A row while its statement stands at it; columns count from 0.
package struct SQLiteRow {
    fileprivate let statement: OpaquePointer

    private func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(statement, column) == SQLITE_NULL
    }

    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

    func optionalReal(_ column: Int32) -> Double? {
        isNull(column) ? nil : sqlite3_column_double(statement, column)
    }

    package func text(_ column: Int32) -> String {
        guard let text = sqlite3_column_text(statement, column) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, column))
        return String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        let bytes = sqlite3_column_blob(statement, column)
        let count = Int(sqlite3_column_bytes(statement, column))
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
