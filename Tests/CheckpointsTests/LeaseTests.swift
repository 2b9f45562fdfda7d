import Checkpoints
import Faults
import Files
import Foundation
import Testing

@Suite struct LeaseTests {
    private func inFolder<Value>(_ body: (String) throws -> Value) throws -> Value {
        let folder = NSTemporaryDirectory() + "lease-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    @Test func aTakeoverEndsTheEarlierHold() throws {
        try inFolder { folder in
            let first = try RunLease(folder: folder, host: "here")
            try first.check()
            #expect(RunLease.isVisible(token: first.token, in: folder))
            let second = try RunLease(folder: folder, host: "here")
            #expect(throws: FileError.self) { try first.check() }
            #expect(first.wasLost)
            // Giving back what was lost disturbs nobody.
            first.release()
            try second.check()
            #expect(!RunLease.isVisible(token: first.token, in: folder))
        }
    }

    /// A living holder on another machine is seen by its beat.
    @Test(.timeLimit(.minutes(10))) func aLivingHolderElsewhereIsLeftAlone() throws {
        try inFolder { folder in
            let holder = try RunLease(folder: folder, host: "there")
            let error = #expect(throws: FileError.self) {
                try RunLease(folder: folder, host: "here")
            }
            #expect(error?.exitCode == .fencedOut)
            #expect(error?.problem.contains("on there") == true)
            try holder.check()
        }
    }

    @Test(.timeLimit(.minutes(10))) func whatWasReleasedIsTakenAtOnceAndWhatIsSilentLater() throws {
        try inFolder { folder in
            let released = try RunLease(folder: folder, host: "there")
            released.release()
            let next = try RunLease(folder: folder, host: "here")
            try next.check()
            next.release()
            // A holder that is gone: its file stands and does not change.
            let text = "f00d\nthere 1234\n-\n7                   \n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/.lease"))
            let watch = ContinuousClock.now
            let heir = try RunLease(folder: folder, host: "here")
            #expect(watch.duration(to: .now) >= .seconds(RunLease.patienceSeconds))
            try heir.check()
        }
    }

    /// A supervisor's next job need not wait for its earlier one, wherever that was.
    @Test func theNextJobOfASupervisorTakesOverAtOnce() throws {
        try inFolder { folder in
            let earlier = try RunLease(folder: folder, host: "there", launch: "cafe")
            #expect(RunLease.isHeld(byLaunch: "cafe", in: folder))
            #expect(!RunLease.isHeld(byLaunch: "", in: folder))
            let next = try RunLease(folder: folder, host: "here", launch: "cafe")
            try next.check()
            #expect(throws: FileError.self) { try earlier.check() }
        }
    }

    @Test(arguments: ["", "x", "\n\n\n", String(repeating: "a", count: 5000)])
    func aDamagedLeaseIsNobodys(_ text: String) throws {
        try inFolder { folder in
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/.lease"))
            _ = try RunLease(folder: folder, host: "here")
        }
    }
}

@Suite struct ArchiveTests {
    private func saved(in folder: String) throws -> LoadedCheckpoint {
        let store = CheckpointStore(folder: folder)
        _ = try store.save(
            step: 7, runID: "run", parent: nil, document: "{\"a\": 1}\n",
            files: [
                CheckpointFile(name: "weights", bytes: Array(0...255)),
                CheckpointFile(name: "empty", bytes: []),
            ])
        return try #require(try store.loadNewest())
    }

    @Test func arrivesAsItLeft() throws {
        let folder = NSTemporaryDirectory() + "archive-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let loaded = try saved(in: folder + "/from")
        let archive = try CheckpointArchive(bytes: CheckpointArchive(loaded).encoded())
        let store = CheckpointStore(folder: folder + "/to")
        let copy = try archive.save(to: store)
        #expect(copy.manifestSHA256 == loaded.manifestSHA256)
        #expect(try store.loadNewest()?.files == loaded.files)
        #expect(archive.loaded(in: store).document == loaded.document)
    }

    /// No bit may change and no byte be missing without being noticed.
    @Test func everyDamageIsNoticed() throws {
        let folder = NSTemporaryDirectory() + "archive-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = CheckpointArchive(try saved(in: folder + "/from")).encoded()
        let store = CheckpointStore(folder: folder + "/to")
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1 << UInt8(place % 8)
            #expect(throws: FileError.self, "byte \(place)") {
                _ = try CheckpointArchive(bytes: damaged).save(to: store)
            }
            #expect(throws: FileError.self, "cut at \(place)") {
                _ = try CheckpointArchive(bytes: Array(bytes[..<place])).save(to: store)
            }
        }
        #expect(try store.loadNewest() == nil)
    }
}
