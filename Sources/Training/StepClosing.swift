import Collectives
import Faults
import Foundation
import Tensors
import Transformer

/// What the ranks tell each other at the end of a step, in one reduction by MAX, before anything of
/// the step is saved.
public struct StepClosing: Sendable {
    /// Whether rank 0's update left numbers in the adapter and its moments.
    public private(set) var updateIsFinite: Bool
    private var upkeep: RunUpkeep
    private var largestDigest: Int64
    private var smallestDigest: Int64

    /// What this rank has to say.
    ///
    /// - Parameter digest: Of its replica; the same on all ranks where none is compared.
    init(updateIsFinite: Bool, digest: Int64, _ upkeep: RunUpkeep) {
        self.updateIsFinite = updateIsFinite
        self.upkeep = upkeep
        (largestDigest, smallestDigest) = (digest, digest)
    }

    /// Whether a rank has another adapter than the others.
    public var replicasDiffer: Bool { largestDigest != smallestDigest }
    /// Whether another job has taken the run over.
    var isFencedOut: Bool { upkeep.isFencedOut }
    /// Whether a checkpoint goes to the hosts that keep copies now.
    var sendsCopy: Bool { upkeep.hasArchive && !upkeep.keeperIsBusy }
    var keepersLackHistory: Bool { upkeep.keeperLacksHistory }

    /// What all ranks together say; the same on all.
    ///
    /// - Note: A collective.
    func reduced(over communicator: any Communicator) throws -> StepClosing {
        var words = words
        try communicator.allReduceMax(&words)
        return StepClosing(words: words)
    }

    // Encoding and decoding, one below the other: same order in both.

    private var words: [Int64] {
        [
            !updateIsFinite, upkeep.isFencedOut, upkeep.hasArchive, upkeep.keeperIsBusy,
            upkeep.keeperLacksHistory,
        ].map { $0 ? 1 : 0 } + [largestDigest, -smallestDigest]
    }

    private init(words: [Int64]) {
        updateIsFinite = words[0] == 0
        upkeep = RunUpkeep(
            isFencedOut: words[1] != 0, hasArchive: words[2] != 0, keeperIsBusy: words[3] != 0,
            keeperLacksHistory: words[4] != 0)
        largestDigest = words[5]
        smallestDigest = -words[6]
    }
}

/// What a rank knows of the run's files, beside the step.
struct RunUpkeep: Sendable {
    /// Whether another job has taken the run over; on rank 0.
    var isFencedOut = false
    /// Whether a durable checkpoint waits for the hosts that keep copies; on rank 0.
    var hasArchive = false
    /// Whether this rank still writes the last copy.
    var keeperIsBusy = false
    /// Whether this rank lacks a part of the record of steps.
    var keeperLacksHistory = false
}

extension RunUpkeep {
    init(_ recorder: RunRecorder?, _ copies: CheckpointCopies) {
        self.init(
            isFencedOut: recorder?.isFencedOut ?? false, hasArchive: recorder?.hasArchive ?? false,
            keeperIsBusy: copies.isBusy, keeperLacksHistory: copies.lacksHistory)
    }
}

extension LowRankParameters {
    /// 63 bits that differ between a replica and one with a flipped bit: x ← (x ⊕ w) · odd over its
    /// 32-bit words is a bijection in each word. Some GB/s.
    var digest: Int64 {
        var digest: UInt64 = 0x9E37_79B9_7F4A_7C15
        for value in buffer.elements {
            digest = (digest ^ UInt64(value.bitPattern)) &* 0xD6E8_FEB8_6659_FD93
        }
        return Int64(bitPattern: (digest ^ (digest >> 32)) >> 1)
    }

    /// Names the ranks whose replica is not rank 0's.
    ///
    /// - Note: A collective.
    func faultOfReplicas(_ communicator: any Communicator, step: Int) throws -> JobFault {
        let own = withUnsafeBytes(of: digest.littleEndian) { [UInt8]($0) }
        let all = try communicator.allGather(own)
        let others = all.indices.filter { all[$0] != all[0] }.map(String.init)
        return JobFault(
            problem: "the adapter on rank \(others.joined(separator: ", ")) differs from rank 0's: "
                + "its memory or network is not to be trusted", location: "step \(step)",
            hint: "The same command continues from the last checkpoint; leave that host out if it "
                + "comes again", exitCode: .tryAgain)
    }
}
