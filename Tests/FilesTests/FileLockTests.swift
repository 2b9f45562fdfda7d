import Files
import Foundation
import TestSupport
import Testing

@Suite struct FileLockTests {
    let scratch: ScratchFolder
    let path: String

    init() throws {
        scratch = try ScratchFolder()
        path = scratch.path + "/lock"
    }

    @Test func isHeldOnceAndGoesWithItsOwner() throws {
        var first = try FileLock(path: path)
        #expect(first != nil)
        #expect(try FileLock(path: path) == nil)
        withExtendedLifetime(first) {}
        first = nil
        #expect(try FileLock(path: path) != nil)
    }

    @Test func namesItsHolderInTheNextOnesPlace() throws {
        #expect(FileLock.holder(of: path) == nil)
        let lock = try #require(try FileLock(path: path))
        #expect(FileLock.holder(of: path) == nil)
        lock.name("somebody with a long name\n")
        lock.name("next\n")
        #expect(FileLock.holder(of: path) == "next\n")
    }

    /// Who is asked whether it may go on without it is asked only where another holds it.
    @Test func mayBeGoneWithout() throws {
        let first = try #require(try FileLock(path: path))
        #expect(try FileLock(path: path, orWithout: { true }) != nil)
        #expect(try FileLock(path: path, orWithout: { false }) == nil)
        withExtendedLifetime(first) {}
    }

    /// A holder that takes the file away leaves a name that the next one makes anew.
    @Test func aRemovedFileIsNobodysLock() throws {
        let first = try #require(try FileLock(path: path))
        first.removeFile()
        #expect(FileLock.lastSign(path).isEmpty)
        #expect(try FileLock(path: path) != nil)
        withExtendedLifetime(first) {}
    }

    @Test func aLinkIsNotFollowed() throws {
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: scratch.path + "/elsewhere")
        let error = #expect(throws: FileError.self) { try FileLock(path: path) }
        #expect(error?.location == path && error?.cause == .system(ELOOP))
        #expect(try scratch.names() == ["lock"])
    }
}
