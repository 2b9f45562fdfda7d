import Foundation
import TestSupport
import Testing

/// The cache of tokenized data under real processes: killed, out of room, and at once.
@Suite struct DataCacheTests {
    private static let model = Programs.fixture("tiny-llama")
    private static let data = model + "/train.jsonl"

    private func command(_ cache: String) -> [String] {
        [Programs.folder + "/lora", "data", Self.data, "--model", Self.model, "--cache", cache]
    }

    private func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    private func samples(_ folder: String) throws -> Data {
        let names = try files(folder).filter { $0.hasSuffix(".samples") }
        try #require(names.count == 1, "\(names)")
        return try Data(contentsOf: URL(fileURLWithPath: folder + "/" + names[0]))
    }

    /// Killed at each of its system calls that write or name a file.
    @Test(.timeLimit(.minutes(10)))
    func aKillAtAnyWriteLeavesNothingWrong() throws {
        try Programs.withScratchFolder { scratch in
            let calls = "pwrite64,rename,fsync,unlink,ftruncate"
            let reference = scratch + "/reference"
            let log = scratch + "/log"
            let whole = try Programs.run(
                "strace",
                ["-f", "-qq", "-o", log, "-e", "trace=write," + calls] + command(reference))
            try #require(whole.exitCode == 0, "strace is needed: \(whole.errors)")
            let expected = try samples(reference)
            var ordinals: [String: Int] = [:]
            for line in try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n") {
                let name = line.drop { $0 != " " }.drop { $0 == " " }.prefix { $0 != "(" }
                ordinals[String(name), default: 0] += 1
            }
            var killed = 0
            for (name, count) in ordinals.sorted(by: { $0.key < $1.key }) {
                for ordinal in 1...count {
                    let cache = "\(scratch)/\(name)-\(ordinal)"
                    let run = try Programs.run(
                        "strace",
                        [
                            "-f", "-qq", "-o", "/dev/null", "-e", "trace=write," + calls, "-e",
                            "inject=\(name):signal=KILL:when=\(ordinal)",
                        ] + command(cache))
                    killed += run.exitCode == 0 ? 0 : 1
                    let again = try Programs.run("env", command(cache))
                    #expect(again.exitCode == 0, "\(name) \(ordinal): \(again.errors)")
                    #expect(try samples(cache) == expected, "\(name) \(ordinal)")
                    // What the killed process left is gone; an empty lock does no harm.
                    let left = try files(cache).filter { !$0.hasSuffix(".lock") }
                    #expect(left.count == 1, "\(name) \(ordinal): \(left)")
                }
            }
            #expect(killed >= 5)
        }
    }

    /// A file size limit stands for a full disk: a message, and nothing under the final name.
    @Test(.timeLimit(.minutes(10)))
    func aFullDiskIsSaid() throws {
        try Programs.withScratchFolder { scratch in
            let cache = scratch + "/cache"
            let limited = "trap '' XFSZ; ulimit -f 1; exec \"$@\""
            let run = try Programs.run("bash", ["-c", limited, "-"] + command(cache))
            #expect(run.exitCode == 78, "\(run.exitCode) \(run.errors)")
            #expect(run.errors.contains(cache) && run.errors.contains("cannot be written"))
            #expect(try files(cache).isEmpty)
            let again = try Programs.run("env", command(cache))
            #expect(again.exitCode == 0)
        }
    }

    /// A default folder that cannot be used does not stop anybody: it is said.
    @Test func aDefaultFolderThatCannotBeUsedIsSaid() throws {
        let run = try Programs.run(
            "env",
            [
                "XDG_CACHE_HOME=/dev/null/nowhere", Programs.folder + "/lora", "data", Self.data,
                "--model", Self.model,
            ])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("were not kept"), "\(run.output)")
    }

    /// Several processes that start together make one file.
    @Test(.timeLimit(.minutes(10)))
    func processesAtOnceMakeOneFile() throws {
        try Programs.withScratchFolder { scratch in
            let cache = scratch + "/cache"
            let folders = try (0..<4).map { index in
                let folder = "\(scratch)/\(index)"
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true)
                return folder
            }
            let processes = try folders.map {
                try Programs.start("env", command(cache), scratch: $0)
            }
            for process in processes { process.waitUntilExit() }
            let outcomes = try zip(processes, folders).map {
                try Programs.outcome(of: $0, scratch: $1)
            }
            #expect(outcomes.map(\.exitCode) == [0, 0, 0, 0])
            #expect(
                outcomes.filter { $0.output.contains("found in the cache") }.count == 3,
                "\(outcomes.map(\.output))")
            #expect(try files(cache).count == 1)
        }
    }
}
