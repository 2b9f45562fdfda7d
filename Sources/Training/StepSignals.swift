import Collectives
import Faults
import Foundation

/// What the ranks tell each other at the end of a step, in one reduction.
struct StepSignals {
    private var values: [Int64]

    private enum Place: Int, CaseIterable {
        case isNotFinite, isFencedOut, hasArchive, keeperIsBusy, keeperLacksHistory
        /// The largest digest of a replica and, negated, the smallest.
        case digest, negatedDigest
    }

    /// What this rank has to say.
    ///
    /// - Parameter digest: Of its replica; 0 on all ranks where none is compared.
    init(
        isNotFinite: Bool, _ coordinator: Coordinator?, _ copies: CheckpointCopies, digest: Int64
    ) {
        values = [Int64](repeating: 0, count: Place.allCases.count)
        let own = copies.signals
        self[.isNotFinite] = isNotFinite ? 1 : 0
        self[.isFencedOut] = coordinator?.isFencedOut == true ? 1 : 0
        self[.hasArchive] = coordinator?.hasArchive == true ? 1 : 0
        self[.keeperIsBusy] = own.isBusy
        self[.keeperLacksHistory] = own.lacksHistory
        self[.digest] = digest
        self[.negatedDigest] = -digest
    }

    private subscript(_ place: Place) -> Int64 {
        get { values[place.rawValue] }
        set { values[place.rawValue] = newValue }
    }

    /// Afterwards all ranks have the same.
    mutating func exchange(_ communicator: any Communicator) throws {
        try communicator.allReduceMax(&values)
    }

    /// Whether the update left NaN or infinity.
    var isNotFinite: Bool { self[.isNotFinite] != 0 }
    var replicasDiffer: Bool { self[.digest] != -self[.negatedDigest] }
    var sendsCopy: Bool { self[.hasArchive] != 0 && self[.keeperIsBusy] == 0 }
    var keepersLackHistory: Bool { self[.keeperLacksHistory] != 0 }

    /// - Throws: ``JobFault`` with exit code 76 if another job has taken over.
    func refuseOtherWriter(out: String) throws {
        guard self[.isFencedOut] != 0 else { return }
        throw JobFault(
            problem: "another job has taken this run over; this one writes nothing more",
            location: out, hint: "Leave the run to the other job", exitCode: .fencedOut)
    }
}
