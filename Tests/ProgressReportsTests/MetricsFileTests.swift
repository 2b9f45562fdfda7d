import Foundation
import ProgressReports
import TestSupport
import Testing

@Suite final class MetricsFileTests {
    let folder: String
    var path: String { folder + "/metrics.jsonl" }
    var superseded: String { folder + "/metrics.superseded.jsonl" }

    init() throws {
        folder = scratchPath("metrics")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ records: [ProgressRecord], resumeAtStep: Int?) throws {
        let file = try MetricsFile(path: path, resumeAtStep: resumeAtStep)
        for record in records { file.receive(timed(record)) }
        file.finish(timeoutSeconds: 1)
    }

    private func heads(_ path: String) throws -> [String] {
        try text(path).split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return "\(object?["kind"] ?? "?") \(object?["step"] ?? "-")"
        }
    }

    @Test func linesStandInOrder() throws {
        try write(examples, resumeAtStep: nil)
        #expect(try text(path) == examples.map { timed($0).jsonLine + "\n" }.joined())
        #expect(!FileManager.default.fileExists(atPath: superseded))
    }

    @Test func resumeCutsTheTornLineAndMovesWhatIsPastTheCheckpoint() throws {
        let checkpoint = ProgressRecord.checkpoint(
            .init(step: 2, path: "p", bytes: 1, seconds: 1, manifestSHA256: ""))
        try write(
            [
                examples[0], step(1), step(2), checkpoint, step(3),
                .evaluation(.init(step: 3, loss: 1, targetTokens: 1, samples: 1, seconds: 1)),
                .warning(.init(step: 2, message: "")), .warning(.init(step: 3, message: "")),
                .failed(.init(step: 3, exitCode: 75, message: "")),
            ], resumeAtStep: nil)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        handle.seekToEndOfFile()
        handle.write(Data(#"{"kind":"step","step":4,"lo"#.utf8))

        try write([step(3), step(4)], resumeAtStep: 2)
        #expect(
            try heads(path) == [
                "run_started -", "step 1", "step 2", "checkpoint 2", "warning 2", "step 3",
                "step 4",
            ])
        let moved = ["step 3", "evaluation 3", "warning 3", "failed 3"]
        #expect(try heads(superseded) == moved)

        // A second resume at the same step adds to what was moved.
        try write([], resumeAtStep: 2)
        #expect(try heads(superseded) == moved + ["step 3", "step 4"])
    }

    @Test func aWholeLastLineWithoutItsLineFeedStays() throws {
        try Data(timed(step(1)).jsonLine.utf8).write(to: URL(fileURLWithPath: path))
        try write([step(2)], resumeAtStep: 1)
        #expect(try heads(path) == ["step 1", "step 2"])
    }

    @Test func brokenLinesMoveToo() throws {
        try write([step(1)], resumeAtStep: nil)
        let whole = try text(path)
        try Data((whole + "\0\0\0\n[1]\n" + timed(step(2)).jsonLine + "\n").utf8)
            .write(to: URL(fileURLWithPath: path))
        try write([], resumeAtStep: 2)
        #expect(try heads(path) == ["step 1", "step 2"])
        #expect(try text(superseded) == "\0\0\0\n[1]\n")
    }

    @Test func aRunFromTheStartSupersedesAll() throws {
        try write([examples[0], step(1)], resumeAtStep: nil)
        try write([examples[0]], resumeAtStep: nil)
        #expect(try heads(path) == ["run_started -"])
        #expect(try heads(superseded) == ["run_started -", "step 1"])
    }

    @Test func aFullDiskIsToldOnceAndCounted() throws {
        let told = Told()
        let file = try MetricsFile(path: "/dev/full", resumeAtStep: 1, tell: told.add)
        for number in 2...4 { file.receive(timed(step(number))) }
        #expect(told.lines.count == 1)
        #expect(told.lines.first?.contains("No space left on device") == true)
        file.finish(timeoutSeconds: 1)
        #expect(told.lines.last == "/dev/full: 3 records could not be written")
    }

    @Test func aMissingFolderIsNamed() {
        let error = #expect(throws: ProgressError.self) {
            try MetricsFile(path: folder + "/no/metrics.jsonl", resumeAtStep: nil)
        }
        #expect(error?.location == folder + "/no/metrics.jsonl")
    }
}
