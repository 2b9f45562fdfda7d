import Faults
import Foundation
import ProgressReports
import RunStore
import TestSupport
import Testing

/// Which files are taken for a store, and what is said of others.
@Suite struct StoreVersionsTests {
    /// What makes another of a store, and what is said of it.
    private struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let sql: String
        let problem: String
    }

    private static let migrations = "CREATE TABLE grdb_migrations (identifier TEXT PRIMARY KEY);"

    private static let cases = [
        Case(
            testDescription: "a table is added by a version to come",
            sql: """
                INSERT INTO grdb_migrations VALUES ('tags of runs');
                CREATE TABLE tag (run INTEGER, text TEXT);
                """, problem: "was made by a newer version of lora-collector"),
        Case(
            testDescription: "another table under the same name",
            sql: "ALTER TABLE record DROP COLUMN message;",
            problem: "was made by an older version of lora-collector"),
        Case(
            testDescription: "nobody says who made the tables",
            sql: "DELETE FROM grdb_migrations;",
            problem: "was made by an older version of lora-collector"),
    ]

    @Test(arguments: cases) private func storesOfOtherVersionsAreNamed(_ given: Case) throws {
        try Programs.withScratchFolder { scratch in
            let path = scratch + "/runs.sqlite"
            try RunStore(writing: path).append([step(1)], at: 0)
            try connection(path).execute(given.sql)
            try expectRefusal(path, given.problem)
        }
    }

    @Test(arguments: [
        "CREATE TABLE book (title TEXT);",
        "CREATE TABLE run (distance REAL);",
        migrations
            + "INSERT INTO grdb_migrations VALUES ('books'); CREATE TABLE book (title TEXT);",
    ])
    func anotherProgramsFileIsLeftAlone(_ sql: String) throws {
        try Programs.withScratchFolder { scratch in
            let path = scratch + "/books.sqlite"
            try connection(path).execute(sql)
            try expectRefusal(path, "is no store of runs")
            let tables = try connection(path).all(
                "SELECT name FROM sqlite_schema WHERE type = 'table'"
            ) { $0.text(0) }
            #expect(!tables.contains("record"))
            let mode = try connection(path).all("PRAGMA journal_mode") { $0.text(0) }
            #expect(mode == ["delete"])
        }
    }

    /// An empty file, and one whose first start was cut off.
    @Test(arguments: ["", migrations]) func whatIsEmptyBecomesAStore(_ sql: String) throws {
        try Programs.withScratchFolder { scratch in
            let path = scratch + "/runs.sqlite"
            try connection(path).execute(sql + "PRAGMA user_version;")
            try RunStore(writing: path).append([step(1)], at: 0)
            #expect(try RunStore(reading: path).records(of: "r") == [step(1)])
        }
    }

    @Test func aLockIsNoFullDisk() throws {
        try Programs.withScratchFolder { scratch in
            let path = scratch + "/runs.sqlite"
            let store = try RunStore(writing: path, busySeconds: 0)
            let error = try #require(
                try connection(path).transaction(isWriting: true) {
                    #expect(throws: RunStoreError.self) {
                        try store.append([step(1)], at: 0)
                    }
                })
            #expect(error.problem.contains("is held by another program (database is locked)"))
            #expect(error.hint?.contains("room") == false)
            #expect(error.location == path && error.exitCode == .tryAgain)
            #expect(try store.append([step(1)], at: 0) == [0])
        }
    }

    private func connection(_ path: String) throws -> SQLiteConnection {
        try SQLiteConnection(path, for: .writing, busySeconds: 0)
    }

    private func expectRefusal(_ path: String, _ problem: String) throws {
        let opening: [() throws -> RunStore] = [
            { try RunStore(writing: path) }, { try RunStore(reading: path) },
        ]
        for open in opening {
            let error = #expect(throws: RunStoreError.self) { _ = try open() }
            #expect(error?.problem == problem)
            #expect(error?.location == path && error?.exitCode == .badInput)
            #expect(error?.hint?.contains("--store") == true)
        }
    }

    private func step(_ number: Int) -> TimedRecord {
        TimedRecord(
            runID: "r", epoch: 1, sequence: UInt64(number), unixTimeNanoseconds: 1,
            record: .warning(.init(step: number, message: "one")))
    }
}
