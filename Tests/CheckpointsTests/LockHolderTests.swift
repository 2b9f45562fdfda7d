import Checkpoints
import Faults
import Files
import Foundation
import Testing

@Suite struct LockHolderTests {
    private func inFile<Value>(_ body: (Int32) throws -> Value) throws -> Value {
        let path = NSTemporaryDirectory() + "lock-" + UUID().uuidString
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        return try body(descriptor)
    }

    @Test func standsInTheFileAndTakesThePlaceOfTheEarlierOne() throws {
        try inFile { file in
            #expect(LockHolder(descriptor: file) == nil)
            LockHolder(process: 123_456, host: "a-long-name.example", ranks: 16).write(to: file)
            let next = LockHolder(process: 7, host: "b", ranks: 1)
            next.write(to: file)
            #expect(LockHolder(descriptor: file) == next)
        }
    }

    @Test(arguments: [
        "", "x", "1 b", "1 b c", "a b 2", "1 b 2 3", String(repeating: "9", count: 900),
    ])
    func whatIsNoHolderIsNobody(_ text: String) throws {
        try inFile { file in
            _ = Array(text.utf8).withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
            #expect(LockHolder(descriptor: file) == nil)
        }
    }

    /// Only one rank beside one rank on the same host is likely to be a mistake.
    @Test func saysWhatIsLikely() {
        let own = LockHolder(process: 1, host: "here", ranks: 1)
        func said(_ ranks: Int, _ host: String) -> String {
            own.refused(by: LockHolder(process: 2, host: host, ranks: ranks), at: "run/.lock")
                .description
        }
        #expect(said(1, "here").contains("mpirun -n N"))
        #expect(said(1, "here").contains("process 2"))
        for (ranks, host) in [(2, "here"), (1, "there")] {
            #expect(!said(ranks, host).contains("mpirun"))
            #expect(said(ranks, host).contains("process 2 on \(host)"))
        }
        #expect(own.refused(by: nil, at: "run/.lock").exitCode == .fencedOut)
    }
}
