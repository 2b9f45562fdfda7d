import CSQLite

/// Who made an SQLite file, going by what is in it.
enum StoreOrigin: Equatable {
    case thisVersion
    /// A version of this program that made other tables, as far as it is known here.
    case olderVersion
    /// A version whose tables nobody here knows.
    case newerVersion
    case anotherProgram
    /// It is empty.
    case nobody

    init(_ database: SQLiteConnection) throws {
        guard try Self.needed.keys.allSatisfy({ try Self.has($0, database) }) else {
            // The table of versions comes first: a start that was cut off leaves it alone.
            let others = try database.first(
                "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'grdb_migrations'"
            ) { $0.integer(0) }
            self = others == 0 ? .nobody : .anotherProgram
            return
        }
        let versions =
            try Self.has("grdb_migrations", database)
            ? database.all("SELECT identifier FROM grdb_migrations") { $0.text(0) } : []
        if versions.contains(where: { $0 != Self.version }) {
            self = .newerVersion
        } else {
            self =
                try !versions.isEmpty && Self.hasAllColumns(database) ? .thisVersion : .olderVersion
        }
    }

    /// Makes what is missing in a file that is nobody's or this version's, and sets up the connection.
    ///
    /// - Throws: Also where the file may only be read.
    static func prepareForWriting(_ database: SQLiteConnection) throws {
        let mode = try database.first("PRAGMA journal_mode = WAL") { $0.text(0) }
        guard mode == "wal" else {
            throw SQLiteError(code: SQLITE_ERROR, message: "it keeps no write-ahead log")
        }
        // An acknowledged record survives a power cut.
        try database.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
        try database.transaction(isWriting: true) {
            guard try StoreOrigin(database) == .nobody else { return }
            try database.execute(tables)
            try database.run("INSERT INTO grdb_migrations VALUES (?)", [.text(version)])
        }
    }

    private static func has(_ table: String, _ database: SQLiteConnection) throws -> Bool {
        try database.first(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND lower(name) = ?", [.text(table)]
        ) { _ in true } ?? false
    }

    /// Of the tables below, as `grdb_migrations` has it: the first programs used the library GRDB, and
    /// can read what is made today.
    private static let version = "runs and records"
    private static let tables = """
        CREATE TABLE IF NOT EXISTS grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
        CREATE TABLE run (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL DEFAULT '',
            started INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            last_row INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE record (
            row INTEGER PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES run(number),
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            kind TEXT NOT NULL,
            step INTEGER,
            loss REAL,
            message BLOB NOT NULL
        );
        CREATE UNIQUE INDEX record_once ON record (run, epoch, sequence);
        CREATE INDEX record_kind
            ON record (run, kind, epoch, sequence, step, loss);
        CREATE INDEX record_run ON record (run);
        """

    /// By table.
    private static let needed = [
        "run": ["number", "id", "name", "started", "updated", "last_row"],
        "record": ["row", "run", "epoch", "sequence", "kind", "step", "loss", "message"],
    ]

    /// Before the first release tables have changed while their migration kept its name.
    private static func hasAllColumns(_ database: SQLiteConnection) throws -> Bool {
        try needed.allSatisfy { table, columns in
            try Set(database.all("SELECT name FROM pragma_table_info('\(table)')") { $0.text(0) })
                .isSuperset(of: columns)
        }
    }
}
