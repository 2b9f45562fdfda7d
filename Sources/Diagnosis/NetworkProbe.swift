public import Collectives
import Foundation

/// How fast any two ranks of a job talk, measured over what MPI itself uses between them.
public enum NetworkProbe {
    public struct Pair: Codable, Sendable, Equatable {
        public var first: Int
        public var second: Int
        /// Half of the median round trip of 8 bytes.
        public var latencySeconds: Double
        public var bytesPerSecond: Double

        public init(first: Int, second: Int, latencySeconds: Double, bytesPerSecond: Double) {
            self.first = first
            self.second = second
            self.latencySeconds = latencySeconds
            self.bytesPerSecond = bytesPerSecond
        }
    }

    private static let roundTrips = 100
    private static let largeBytes = 1 << 20
    private static let largeTrips = 8
    private static let patienceSeconds = 30.0

    /// All pairs, one after the other, so that none disturbs another; to be called by all ranks.
    ///
    /// - Returns: On rank 0 all pairs, elsewhere none.
    /// - Throws: ``CommunicationError`` if two ranks do not reach each other.
    public static func run(
        _ communicator: any Communicator
    ) throws(CommunicationError) -> [Pair] {
        communicator.limitWaiting(toSeconds: patienceSeconds * Double(communicator.size))
        var pairs: [Pair] = []
        for first in 0..<communicator.size {
            for second in first + 1..<max(first + 1, communicator.size) {
                let rank = communicator.rank
                var measured = [Int64](repeating: 0, count: 2)
                if rank == first || rank == second {
                    let peer = rank == first ? second : first
                    let small = try trip(
                        communicator, peer, begins: rank == first, bytes: 8, trips: roundTrips)
                    let large = try trip(
                        communicator, peer, begins: rank == first, bytes: largeBytes,
                        trips: largeTrips)
                    if rank == first { measured = [small, large] }
                }
                try communicator.allReduceMax(&measured)
                guard rank == 0 else { continue }
                pairs.append(
                    Pair(
                        first: first, second: second,
                        latencySeconds: Double(measured[0]) * 1e-9 / 2,
                        bytesPerSecond: 2e9 * Double(largeBytes) / Double(max(1, measured[1]))))
            }
        }
        return pairs
    }

    /// Sends bytes there and back; the median in nanoseconds.
    private static func trip(
        _ communicator: any Communicator, _ peer: Int, begins: Bool, bytes: Int, trips: Int
    ) throws(CommunicationError) -> Int64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 1)
        var times: [Int64] = []
        for _ in 0..<trips {
            let began = DispatchTime.now().uptimeNanoseconds
            if begins { try communicator.send(UnsafeRawBufferPointer(buffer), to: peer) }
            try communicator.receive(buffer, from: peer)
            if !begins { try communicator.send(UnsafeRawBufferPointer(buffer), to: peer) }
            times.append(Int64(DispatchTime.now().uptimeNanoseconds - began))
        }
        return times.sorted()[trips / 2]
    }
}
