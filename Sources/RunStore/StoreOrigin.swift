import GRDB

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

    init(_ database: Database) throws {
        guard try Self.needed.keys.allSatisfy({ try database.tableExists($0) }) else {
            // The library's own table comes first: a start that was cut off leaves it alone.
            let others = try Int.fetchOne(
                database,
                sql: "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'grdb_migrations'")
            self = others == 0 ? .nobody : .anotherProgram
            return
        }
        if try Self.migrator.hasBeenSuperseded(database) {
            self = .newerVersion
        } else {
            let isWhole = try Self.migrator.hasCompletedMigrations(database)
            self = try isWhole && Self.hasAllColumns(database) ? .thisVersion : .olderVersion
        }
    }

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("runs and records") { database in
            try database.execute(
                sql: """
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
                    """)
        }
        return migrator
    }

    /// By table.
    private static let needed = [
        "run": ["number", "id", "name", "started", "updated", "last_row"],
        "record": ["row", "run", "epoch", "sequence", "kind", "step", "loss", "message"],
    ]

    /// Before the first release tables have changed while their migration kept its name.
    private static func hasAllColumns(_ database: Database) throws -> Bool {
        try needed.allSatisfy { table, columns in
            try Set(database.columns(in: table).map(\.name)).isSuperset(of: columns)
        }
    }
}
