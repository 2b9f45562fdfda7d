import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

@Suite struct StoreTests {
    let scratch: ScratchFolder
    let store: CheckpointStore

    init() throws {
        scratch = try ScratchFolder()
        store = CheckpointStore(folder: scratch.path)
    }

    @Test func givesBackWhatWasSaved() throws {
        let fresh = CheckpointStore(folder: scratch.path + "/not/there/yet")
        #expect(try fresh.loadNewest() == nil)
        let document = "{\"text\": \"Grüße \\u0000 \u{1F600}\"}\r\n"
        let memory = Array(UInt8.min...UInt8.max)
        let saved = try memory.withUnsafeBytes { bytes in
            try fresh.save(
                step: 123_456_789, runID: "run \"x\"\u{1}", parent: "abc", document: document,
                files: [
                    CheckpointFile(name: "A", memory: bytes),
                    CheckpointFile(name: "empty", bytes: []),
                ])
        }
        #expect(saved.path.hasSuffix("/step-123456789"))
        let loaded = try #require(try fresh.loadNewest())
        #expect(loaded.step == 123_456_789)
        #expect(loaded.runID == "run \"x\"\u{1}")
        #expect(loaded.parent == "abc")
        #expect(loaded.document.utf8.elementsEqual(document.utf8))
        #expect(loaded.files == ["A": memory, "empty": []])
        #expect(loaded.manifestSHA256 == saved.manifestSHA256)
        #expect(loaded.setAside.isEmpty)
        #expect(try CheckpointStore.load(checkpointAt: saved.path + "/").files == loaded.files)
    }

    @Test func writesTheFormatThatPythonWrites() throws {
        let golden = try #require(
            try CheckpointStore(folder: fixture("store-v1")).loadNewest())
        #expect(golden.step == 50)
        #expect(golden.runID == "run \"one\"\t\\")
        #expect(golden.document == "{\"note\": \"Grüße\", \"exponents\": [1, -3]}\n")
        #expect(golden.files["empty.bin"] == [])

        let adapter = try #require(golden.files["adapter.bin"])
        _ = try store.save(
            step: 50, runID: golden.runID, parent: golden.parent, document: golden.document,
            files: [
                CheckpointFile(name: "adapter.bin", bytes: adapter),
                CheckpointFile(name: "empty.bin", bytes: []),
            ])
        for name in try scratch.names("step-00000050") {
            let ours = try scratch.read("step-00000050/" + name)
            let theirs = try Data(
                contentsOf: URL(fileURLWithPath: fixture("store-v1/step-00000050/") + name))
            #expect(ours == [UInt8](theirs), "\(name)")
        }
    }

    @Test func onlyTheOwnerMayReadIt() throws {
        try save(step: 1, in: store)
        let manager = FileManager.default
        func mode(_ name: String) throws -> Int? {
            let attributes = try manager.attributesOfItem(atPath: scratch.path + "/" + name)
            return attributes[.posixPermissions] as? Int
        }
        #expect(try mode("step-00000001") == 0o700)
        #expect(try mode("step-00000001/a.bin") == 0o600)
        #expect(try mode("step-00000001/MANIFEST.json") == 0o600)
    }

    @Test func savingAgainChangesNothingOrReplacesAll() throws {
        let first = try save(step: 5, in: store)
        let before = try scratch.snapshot()
        #expect(try save(step: 5, in: store) == first)
        #expect(try scratch.snapshot() == before)

        let second = try save(step: 5, variant: 1, in: store)
        #expect(second.manifestSHA256 != first.manifestSHA256)
        #expect(try store.loadNewest()?.files["a.bin"] == contents(step: 5, variant: 1))
        #expect(try scratch.names() == ["step-00000005"])
    }

    @Test func savingRepairsADamagedCheckpointOfTheSameStep() throws {
        try save(step: 5, in: store)
        try scratch.write([], to: "step-00000005/a.bin")
        try save(step: 5, in: store)
        #expect(try store.loadNewest()?.files["a.bin"] == contents(step: 5))
        #expect(try scratch.names() == ["step-00000005"])
    }

    @Test func refusesNamesThatLeaveTheFolder() throws {
        for name in ["../x", "/etc/x", "", ".hidden", "MANIFEST.json", "document.json", "a\u{0}b"] {
            let error = #expect(throws: FileError.self, "\(name)") {
                try store.save(
                    step: 1, runID: "r", document: "{}",
                    files: [CheckpointFile(name: name, bytes: [1])])
            }
            #expect(error?.exitCode == .badInput)
        }
        #expect(try scratch.names().isEmpty)
    }

    @Test func removesWhatAKilledJobLeft() throws {
        for name in [".stage-step-00000009.0", ".gc-step-00000001.0"] {
            try FileManager.default.createDirectory(
                atPath: scratch.path + "/" + name + "/sub", withIntermediateDirectories: true)
            try scratch.write([1], to: name + "/half")
        }
        try save(step: 2, in: store)
        #expect(try scratch.names() == ["step-00000002"])
    }

    @Test func pruneKeepsTheNewestWholeOnes() throws {
        for step in 1...6 { try save(step: step, in: store) }
        try scratch.write([0], to: "step-00000005/a.bin")
        let removed = try store.prune(keeping: 2)
        // 6 and 4 are whole; 5 is damaged, so it neither counts nor goes.
        #expect(removed.map { $0.suffix(8) } == ["00000003", "00000002", "00000001"])
        #expect(
            try scratch.names() == ["step-00000004", "step-00000005", "step-00000006"])
        #expect(try store.prune(keeping: 10).isEmpty)
    }

    @Test func pruneRemovesNothingWhenTheNewestIsDamaged() throws {
        for step in 1...4 { try save(step: step, in: store) }
        try scratch.write([0], to: "step-00000004/b.bin")
        let before = try scratch.snapshot()
        #expect(throws: FileError.self) { try store.prune(keeping: 1) }
        #expect(try scratch.snapshot() == before)
    }

    @Test func verifyTellsWhatEachEntryIs() throws {
        #expect(try CheckpointStore(folder: scratch.path + "/none").verifyAll().isEmpty)
        try save(step: 1, in: store)
        try save(step: 2, in: store)
        try scratch.write([9], to: "step-00000002/b.bin")
        try scratch.write([], to: "step-3")
        try scratch.write([], to: ".bad-step-00000007.0")
        try scratch.write([], to: ".stage-x")
        let before = try scratch.snapshot()
        let verdicts = try store.verifyAll()
        #expect(try scratch.snapshot() == before)
        #expect(verdicts.map(\.step) == [nil, nil, 1, 2, nil])
        #expect(verdicts[0].finding == .setAside)
        #expect(verdicts[1].finding == .unfinished)
        #expect(verdicts[2].finding == .whole)
        guard case .damaged(let reason) = verdicts[3].finding else {
            Issue.record("not damaged")
            return
        }
        #expect(reason.contains("b.bin has 1 bytes, and the manifest says 300"))
        #expect(verdicts[4].finding == .stranger)
    }
}
