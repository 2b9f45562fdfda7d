import Foundation
import ProgressDelivery
import ProgressReports
import Testing

/// What a spool gives back after everything that can happen to its files.
@Suite struct SpoolFilesTests {
    private let folder: String

    init() {
        folder = NSTemporaryDirectory() + "lora-test-spool-files-\(UUID().uuidString)"
    }

    private func entry(
        _ sequence: Int, _ epoch: UInt64 = 1, run: String = runID, isKept: Bool = false
    ) -> SpoolEntry {
        var value = record(
            isKept ? checkpoint(sequence) : step(sequence), epoch, UInt64(sequence))
        value.runID = run
        return SpoolEntry(value)
    }

    /// What a collector would see: "3" for a record, "4-9" for a gap, with the epoch before it.
    ///
    /// - Parameter isArriving: Whether it acknowledges, so that files go.
    private func drain(_ spool: Spool, isArriving: Bool = true) -> [String] {
        var seen: [String] = []
        while let item = spool.next() {
            seen += item.gaps.map { "\($0.last.epoch):\($0.first)-\($0.last.sequence)" }
            seen.append("\(item.entry.place.epoch):\(item.entry.place.sequence)")
            if isArriving { #expect(spool.acknowledge(item.entry.place) == [item.entry.place]) }
        }
        return seen
    }

    private func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map {
            folder + "/" + $0
        }
    }

    private func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        body(&bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func names(_ range: ClosedRange<Int>, epoch: Int = 1) -> [String] {
        range.map { "\(epoch):\($0)" }
    }

    @Test func aTornTailSwallowsNothingThatComesLater() throws {
        let killed = Spool(folder: folder)
        for number in 1...10 { #expect(killed.append(entry(number))) }
        try change(try files()[0]) { $0.removeLast(20) }
        let next = Spool(folder: folder)
        for number in 1...5 { #expect(next.append(entry(number, 2))) }
        #expect(
            drain(Spool(folder: folder), isArriving: false)
                == names(1...9) + names(1...5, epoch: 2))
        #expect(drain(next) == names(1...9) + names(1...5, epoch: 2))
    }

    @Test func anotherRunsLeftOversGoFirst() throws {
        let first = Spool(folder: folder)
        for number in 1...3 {
            #expect(first.append(entry(number, 1, run: "a run without a checkpoint")))
        }
        let second = Spool(folder: folder)
        for number in 1...3 { #expect(second.append(entry(number, 2))) }
        let item = try #require(second.next())
        #expect(item.entry.place.runID == "a run without a checkpoint")
        // The new run's records do not wait behind acknowledgements that name another.
        #expect(second.acknowledge(item.entry.place) == [item.entry.place])
        #expect(drain(second) == ["1:2", "1:3"] + names(1...3, epoch: 2))
        #expect(second.isEmpty)
    }

    @Test func aDamagedEntryIsAGap() throws {
        let spool = Spool(folder: folder)
        for number in 1...10 { #expect(spool.append(entry(number))) }
        // Each entry has the same size; the middle of the fifth's message.
        try change(try files()[0]) { bytes in
            let header = 38
            let entry = (bytes.count - header) / 10
            bytes[header + 4 * entry + entry / 2] ^= 1
        }
        #expect(drain(Spool(folder: folder)) == names(1...4) + ["1:5-5"] + names(6...10))
    }

    @Test func aDamagedHeaderLosesNoRecord() throws {
        let spool = Spool(folder: folder)
        for number in 1...10 { #expect(spool.append(entry(number))) }
        try change(try files()[0]) { $0[25] = 0xFF }
        let next = Spool(folder: folder)
        #expect(next.append(entry(1, 2)))
        #expect(drain(next) == names(1...10) + ["2:1"])
    }

    @Test(arguments: [0, 7, 24]) func anEmptyOrForeignFileIsInNobodysWay(_ size: Int) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(repeating: 7, count: size).write(
            to: URL(fileURLWithPath: folder + "/000000000001.records"))
        try Data().write(to: URL(fileURLWithPath: folder + "/9223372036854775807.records"))
        let spool = Spool(folder: folder)
        for number in 1...3 { #expect(spool.append(entry(number))) }
        #expect(spool.troubles == 0)
        #expect(drain(spool) == names(1...3))
        #expect(spool.isEmpty)
        spool.close()
        // Ours are gone, whoever's the other is stays.
        #expect(try files() == [folder + "/9223372036854775807.records"])
    }

    /// A job that is killed while it thins a segment leaves the new one beside the old.
    @Test func anUnfinishedSegmentGoes() throws {
        let killed = Spool(folder: folder)
        for number in 1...3 { #expect(killed.append(entry(number))) }
        try FileManager.default.copyItem(
            atPath: try files()[0], toPath: folder + "/000000000001.records.new")
        let next = Spool(folder: folder)
        #expect(next.isLeftOnDisk)
        #expect(drain(next) == names(1...3))
        #expect(!next.isLeftOnDisk)
        next.close()
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test func theEndOfAJobThatHadNoRoomIsAGap() throws {
        var limits = Spool.Limits()
        limits.bytes = 4000
        limits.segmentBytes = 2000
        let killed = Spool(folder: folder, limits: limits)
        #expect(killed.append(entry(1, isKept: true)))
        for number in 2...40 { #expect(killed.append(entry(number))) }
        let next = Spool(folder: folder, limits: limits)
        for number in 1...40 {
            #expect(next.append(entry(number, 2, isKept: number.isMultiple(of: 20))))
        }
        let seen = drain(next)
        #expect(seen.prefix(2) == ["1:1", "1:2-40"])
        #expect(seen.contains("2:20") && seen.contains("2:40"))
        #expect(seen.contains { $0.hasPrefix("2:1-") })
    }

    @Test func aDiskThatTakesRecordsAgainGetsThoseThatWaited() throws {
        let spool = Spool(folder: folder)
        for number in 1...5 { #expect(spool.append(entry(number))) }
        // A file in place of the folder: nothing can be opened below it.
        let away = folder + ".away"
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        #expect(FileManager.default.createFile(atPath: folder, contents: nil))
        for number in 6...100 { #expect(spool.append(entry(number))) }
        #expect(spool.troubles > 0)
        try FileManager.default.removeItem(atPath: folder)
        try FileManager.default.moveItem(atPath: away, toPath: folder)
        for number in 101...200 { #expect(spool.append(entry(number))) }
        // They would outlive the job now.
        #expect(drain(Spool(folder: folder), isArriving: false) == names(1...200))
        #expect(drain(spool) == names(1...200))
    }

    @Test func whatWasUnderWayMovesToTheDiskToo() throws {
        let spool = Spool(folder: folder)
        let away = folder + ".away"
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        #expect(FileManager.default.createFile(atPath: folder, contents: nil))
        for number in 1...10 { #expect(spool.append(entry(number))) }
        for number in 1...4 { #expect(spool.next()?.entry.place.sequence == UInt64(number)) }
        #expect(spool.acknowledge(entry(2).place).count == 2)
        try FileManager.default.removeItem(atPath: folder)
        try FileManager.default.moveItem(atPath: away, toPath: folder)
        for number in 11...90 { #expect(spool.append(entry(number))) }
        // The connection breaks: 3 and 4 were not acknowledged.
        spool.rewind()
        #expect(drain(spool) == names(3...90))
        #expect(spool.isEmpty)
        spool.close()
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test func aSegmentThatCannotBeReadKeepsItsFile() throws {
        let spool = Spool(folder: folder)
        for number in 1...3 { #expect(spool.append(entry(number, isKept: true))) }
        let path = try files()[0]
        // A folder under the file's name cannot be read.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        let next = Spool(folder: folder)
        #expect(next.append(entry(1, 2)))
        #expect(next.next() == nil)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        #expect(drain(next) == names(1...3) + ["2:1"])
    }
}
