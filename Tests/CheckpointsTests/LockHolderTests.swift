import Checkpoints
import Faults
import Files
import Testing

@Suite struct LockHolderTests {
    @Test func readsWhatItWrites() {
        let holder = LockHolder(process: 123_456, host: "a-long-name.example", ranks: 16)
        #expect(LockHolder(holder.text) == holder)
    }

    @Test(arguments: [
        "", "x", "1 b", "1 b c", "a b 2", "1 b 2 3", String(repeating: "9", count: 900),
    ])
    func whatIsNoHolderIsNobody(_ text: String) { #expect(LockHolder(text) == nil) }

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
