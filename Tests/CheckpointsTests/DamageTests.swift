import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// Whatever happens to a byte of the newest checkpoint, the one before it is used.
@Suite struct DamageTests {
    let scratch: ScratchFolder
    let store: CheckpointStore
    static let files = ["MANIFEST.json", "a.bin", "b.bin", "document.json"]
    static let newest = "step-00000002"

    init() throws {
        scratch = try ScratchFolder()
        store = CheckpointStore(folder: scratch.path)
        try save(step: 1, in: store)
        try save(step: 2, in: store)
    }

    private func expectFallBack(naming name: String, _ comment: Comment) throws {
        let loaded = try #require(try store.loadNewest(), comment)
        #expect(loaded.step == 1, comment)
        #expect(loaded.setAside.count == 1, comment)
        let aside = try #require(loaded.setAside.first)
        #expect(aside.reason.contains("\(Self.newest)/\(name) "), comment)
        #expect(aside.path.contains("/.bad-\(Self.newest)."), comment)
        #expect(FileManager.default.fileExists(atPath: aside.path + "/b.bin") || name == "b.bin")
        #expect(try !scratch.names().contains(Self.newest), comment)
        // Nothing is set aside twice, and the next save may use the name again.
        #expect(try store.loadNewest()?.setAside == [])
        try FileManager.default.removeItem(atPath: aside.path)
        try save(step: 2, in: store)
    }

    @Test(arguments: files) func truncation(_ name: String) throws {
        let whole = try scratch.read("\(Self.newest)/\(name)")
        for length in Set([0, 1, whole.count / 2, whole.count - 1]) where length < whole.count {
            try scratch.write(Array(whole.prefix(length)), to: "\(Self.newest)/\(name)")
            try expectFallBack(naming: name, "\(name) cut to \(length)")
        }
    }

    @Test(arguments: files) func additionalBytes(_ name: String) throws {
        let whole = try scratch.read("\(Self.newest)/\(name)")
        try scratch.write(whole + [10], to: "\(Self.newest)/\(name)")
        try expectFallBack(naming: name, "\(name) grown")
    }

    @Test(arguments: files) func everyNinthByteFlipped(_ name: String) throws {
        let whole = try scratch.read("\(Self.newest)/\(name)")
        for place in stride(from: 0, to: whole.count, by: 9) {
            var damaged = whole
            damaged[place] ^= 1 << UInt8(place % 8)
            try scratch.write(damaged, to: "\(Self.newest)/\(name)")
            let verdicts = try store.verifyAll()
            #expect(
                verdicts.map { $0.finding == .whole } == [true, false], "\(name) byte \(place)")
        }
        try expectFallBack(naming: name, "\(name) flipped")
    }

    @Test(arguments: files) func missing(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(scratch.path)/\(Self.newest)/\(name)")
        try expectFallBack(naming: name, "\(name) missing")
    }

    @Test(.timeLimit(.minutes(10)), arguments: files, ["link", "fifo", "folder"])
    func oddEntries(_ name: String, kind: String) throws {
        let path = "\(scratch.path)/\(Self.newest)/\(name)"
        let manager = FileManager.default
        try manager.moveItem(atPath: path, toPath: path + ".moved")
        switch kind {
        case "link":
            try manager.createSymbolicLink(atPath: path, withDestinationPath: name + ".moved")
        case "fifo": #expect(mkfifo(path, 0o600) == 0)
        default: try manager.createDirectory(atPath: path, withIntermediateDirectories: false)
        }
        #expect(try store.verifyAll().map { $0.finding == .whole } == [true, false])
        #expect(try store.loadNewest()?.step == 1)
    }

    @Test func aLinkInPlaceOfACheckpointIsNotFollowed() throws {
        try FileManager.default.moveItem(
            atPath: "\(scratch.path)/\(Self.newest)", toPath: scratch.path + "/elsewhere")
        try FileManager.default.createSymbolicLink(
            atPath: "\(scratch.path)/\(Self.newest)", withDestinationPath: "elsewhere")
        let loaded = try #require(try store.loadNewest())
        #expect(loaded.step == 1)
        #expect(loaded.setAside.count == 1)
        #expect(try scratch.names("elsewhere").contains("a.bin"))
    }

    @Test func anotherCheckpointUnderThisNameIsRefused() throws {
        try FileManager.default.moveItem(
            atPath: "\(scratch.path)/\(Self.newest)", toPath: scratch.path + "/step-00000009")
        let loaded = try #require(try store.loadNewest())
        #expect(loaded.step == 1)
        #expect(loaded.setAside.first?.reason.contains("belongs to step 2") == true)
    }

    @Test func allDamagedStopsAndChangesNothing() throws {
        try scratch.write([1, 2], to: "step-00000001/a.bin")
        try scratch.write([], to: "step-00000002/MANIFEST.json")
        let before = try scratch.snapshot()
        let error = #expect(throws: FileError.self) { try store.loadNewest() }
        #expect(error?.exitCode == .badInput)
        let text = error.map(String.init(describing:)) ?? ""
        #expect(text.contains("step-00000001/a.bin has 2 bytes"))
        #expect(text.contains("step-00000002/MANIFEST.json is damaged"))
        #expect(try scratch.snapshot() == before)
    }

    @Test func onlySetAsideOnesAreNotAFreshStart() throws {
        try FileManager.default.removeItem(atPath: scratch.path + "/step-00000002")
        try FileManager.default.moveItem(
            atPath: scratch.path + "/step-00000001", toPath: scratch.path + "/.bad-step-00000001.0")
        let error = #expect(throws: FileError.self) { try store.loadNewest() }
        #expect(error?.exitCode == .badInput)
    }

    /// Replaces text in the newest manifest and seals it again, as somebody with ill intent would.
    private func forge(_ old: String, _ new: String) throws {
        let name = "\(Self.newest)/MANIFEST.json"
        let text = String(decoding: try scratch.read(name), as: UTF8.self)
        let body = text.components(separatedBy: "  \"sha256\"")[0]
        #expect(body.contains(old))
        let forged = body.replacingOccurrences(of: old, with: new)
        let digest = SHA256.digest(of: forged.utf8).hexadecimal
        try scratch.write(Array((forged + "  \"sha256\": \"\(digest)\"\n}\n").utf8), to: name)
    }

    @Test func aNewerFormatIsRefusedNotSkipped() throws {
        try forge("\"format_version\": 1", "\"format_version\": 2")
        let before = try scratch.snapshot()
        let error = #expect(throws: FileError.self) { try store.loadNewest() }
        #expect(error?.exitCode == .badInput)
        #expect(error?.problem.contains("format version 2") == true)
        #expect(try scratch.snapshot() == before)
    }

    @Test(
        arguments: [
            ("\"bytes\": 1000", "\"bytes\": 9000000000000000000"),
            ("\"bytes\": 1000", "\"bytes\": -1"),
            ("\"bytes\": 1000", "\"bytes\": 1e400"),
            ("\"name\": \"a.bin\"", "\"name\": \"../step-00000001/a.bin\""),
            ("\"name\": \"a.bin\"", "\"name\": \"b.bin\""),
            ("\"run_id\": \"run\"", "\"run_id\": 7"),
            ("\"step\": 2", "\"step\": 99999999999999999999999"),
            ("\"files\": [", "\"files\": [" + String(repeating: "[", count: 200_000)),
            ("{\"name\": \"document.json\"", "{\"name\": \"doc2.json\""),
        ])
    func forgedManifests(_ change: (String, String)) throws {
        try forge(change.0, change.1)
        let loaded = try #require(try store.loadNewest())
        #expect(loaded.step == 1)
        #expect(loaded.setAside.count == 1)
    }

    @Test func filesOverTheLimitAreNotRead() throws {
        let small = CheckpointStore(folder: scratch.path, maximumFileBytes: 999)
        let error = #expect(throws: FileError.self) { try small.loadNewest() }
        #expect(error?.problem.contains("more than the limit of 999") == true)
    }
}
