import Faults
import Files
import Foundation
import TestSupport
import Testing

@Suite struct DurableFilesTests {
    let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    @Test func replacesAFileAndLeavesNothingElse() throws {
        let path = scratch.path + "/run.yaml"
        try DurableFiles.writeDurably("one", to: path)
        try DurableFiles.writeDurably(Array("two".utf8), to: path)
        #expect(try scratch.read("run.yaml") == Array("two".utf8))
        #expect(try scratch.names() == ["run.yaml"])
    }

    @Test func aFailureLeavesTheOldFile() throws {
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/taken/inside", withIntermediateDirectories: true)
        let error = #expect(throws: FileError.self) {
            try DurableFiles.writeDurably("x", to: scratch.path + "/taken")
        }
        #expect(error?.location == scratch.path + "/taken")
        #expect(try scratch.names() == ["taken"])
        #expect(throws: FileError.self) {
            try DurableFiles.writeDurably("x", to: scratch.path + "/missing/file")
        }
    }

    @Test func appends() throws {
        let path = scratch.path + "/lines"
        try DurableFiles.appendDurably(Array("a\n".utf8), to: path)
        try DurableFiles.appendDurably(Array("b\n".utf8), to: path)
        #expect(try scratch.read("lines") == Array("a\nb\n".utf8))
    }

    @Test func makesFoldersAndRefusesFilesInTheWay() throws {
        try DurableFiles.makeFolder(scratch.path + "/a/b/c")
        try DurableFiles.makeFolder(scratch.path + "/a/b/c")
        #expect(try scratch.names("a/b") == ["c"])
        try scratch.write([], to: "file")
        #expect(throws: FileError.self) {
            try DurableFiles.makeFolder(scratch.path + "/file")
        }
    }
}
