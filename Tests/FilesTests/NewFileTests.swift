import Faults
import Files
import Foundation
import TestSupport
import Testing

@Suite struct NewFileTests {
    let scratch: ScratchFolder
    let path: String

    init() throws {
        scratch = try ScratchFolder()
        path = scratch.path + "/file"
    }

    private func write(_ text: String, to file: borrowing NewFile, at start: Int) throws {
        try Array(text.utf8).withBytes { (bytes) throws(FileError) in
            try file.write(bytes, at: start)
        }
    }

    @Test func isKeptWhenItIsFinished() throws {
        var file = try NewFile(path: path)
        try write("world", to: file, at: 6)
        try write("hello ", to: file, at: 0)
        try file.finish()
        #expect(try scratch.read("file") == Array("hello world".utf8))
    }

    @Test func isRemovedWhenItIsNot() throws {
        do {
            let file = try NewFile(path: path)
            try write("half", to: file, at: 0)
            #expect(try scratch.names() == ["file"])
        }
        #expect(try scratch.names().isEmpty)
    }

    @Test func withoutANameItIsSeenByNobody() throws {
        let file = try NewFile(path: path, keepsName: false)
        try write("abc", to: file, at: 0)
        #expect(try scratch.names().isEmpty)
        var bytes = [UInt8](repeating: 0, count: 8)
        let count = try bytes.withMutableBytes { (bytes) throws(FileError) in
            try file.read(into: bytes, at: 1)
        }
        #expect(bytes.prefix(count) == Array("bc".utf8)[...])
    }

    @Test func nothingIsOverwritten() throws {
        try scratch.write([7], to: "file")
        let error = #expect(throws: FileError.self) { _ = try NewFile(path: path) }
        #expect(error?.cause == .system(EEXIST))
        #expect(throws: FileError.self) { try DurableFiles.create(path, with: [1, 2]) }
        #expect(try scratch.read("file") == [7])
    }

    /// /dev/full takes no byte.
    @Test func aFullDiskIsSaidWithWhatElseOneCanDo() throws {
        let file = try AppendedFile(path: "/dev/full")
        let error = #expect(throws: FileError.self) { try file.append([1]) }
        #expect(error?.cause == .system(ENOSPC) && error?.exitCode == .tryAgain)
        #expect(error?.hint == "Make room there")
        #expect(error?.advising(whenFull: "keep less").hint == "Make room there, or keep less")
        #expect(error?.advising(elsewhere: "go away").hint == "Make room there")
    }
}

@Suite struct AppendedFileTests {
    let scratch: ScratchFolder
    let path: String

    init() throws {
        scratch = try ScratchFolder()
        path = scratch.path + "/lines"
    }

    @Test func addsToWhatIsThere() throws {
        try AppendedFile(path: path, existence: .refused).append(Array("a\n".utf8))
        try AppendedFile(path: path, existence: .required).append(Array("b\n".utf8))
        try AppendedFile(path: path).append([])
        #expect(try scratch.read("lines") == Array("a\nb\n".utf8))
        #expect(throws: FileError.self) { try AppendedFile(path: path, existence: .refused) }
        #expect(throws: FileError.self) {
            try AppendedFile(path: scratch.path + "/missing", existence: .required)
        }
        #expect(try scratch.names() == ["lines"])
    }

    @Test func aPipeWithoutAReaderDoesNotBlock() throws {
        try #require(mkfifo(path, 0o600) == 0)
        let error = #expect(throws: FileError.self) { try AppendedFile(path: path) }
        #expect(error?.cause == .system(ENXIO))
    }
}
