import Collectives
import Foundation
import Testing

@Suite struct InProcessTests {
    /// Runs `body` on one thread for each of `size` ranks and returns what each yields.
    private func onRanks<Value: Sendable>(
        _ size: Int, _ body: @escaping @Sendable (InProcessCommunicator) throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            for communicator in InProcessCommunicator.world(size: size) {
                group.addTask {
                    try await withCheckedThrowingContinuation { continuation in
                        Thread.detachNewThread {
                            continuation.resume(
                                with: Result { (communicator.rank, try body(communicator)) })
                        }
                    }
                }
            }
            var values: [(Int, Value)] = []
            for try await value in group { values.append(value) }
            return values.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: [1, 2, 3, 5])
    func reductionsAndBroadcast(size: Int) async throws {
        let results = try await onRanks(size) { communicator in
            let rank = Int64(communicator.rank)
            var sums: [Int64] = [rank, .max, 1]
            var maxima: [Int64] = [rank, -rank]
            try communicator.allReduceSum(&sums)
            try communicator.allReduceMax(&maxima)
            let text = try communicator.broadcast(bytes: [UInt8]("rank \(rank)".utf8))
            let all = try communicator.allGather(
                padding: [UInt8](repeating: 7, count: communicator.rank))
            return (sums, maxima, text, all.map(\.count))
        }
        let ranks = Int64(size)
        for (sums, maxima, text, counts) in results {
            var wrapped: Int64 = 0
            for _ in 0..<size { wrapped &+= .max }
            #expect(sums == [ranks * (ranks - 1) / 2, wrapped, ranks])
            #expect(maxima == [ranks - 1, 0])
            #expect(text == [UInt8]("rank 0".utf8))
            #expect(counts == Array(0..<size))
        }
    }
}
