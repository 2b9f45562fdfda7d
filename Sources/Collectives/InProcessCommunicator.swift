import Foundation

/// The ranks of a run as threads of one process: the twin of ``MPICommunicator`` for tests.
///
/// `@unchecked Sendable`: all shared state lies in `Meeting`, behind its condition.
public final class InProcessCommunicator: Communicator, @unchecked Sendable {
    public let rank: Int
    public let size: Int
    public var localRank: Int { rank }
    public var localSize: Int { size }
    private let meeting: Meeting

    private init(rank: Int, size: Int, meeting: Meeting) {
        self.rank = rank
        self.size = size
        self.meeting = meeting
    }

    /// The communicators of `size` ranks, one for each thread.
    public static func world(size: Int) -> [InProcessCommunicator] {
        let meeting = Meeting(size: size)
        return (0..<size).map { InProcessCommunicator(rank: $0, size: size, meeting: meeting) }
    }

    /// Threads of one process are not lost: nothing is limited.
    public func limitWaiting(toSeconds seconds: Double) {}

    public func allReduceSum(
        _ values: UnsafeMutableBufferPointer<Int64>
    ) throws(CommunicationError) {
        reduce(values, &+)
    }

    public func allReduceMax(
        _ values: UnsafeMutableBufferPointer<Int64>
    ) throws(CommunicationError) {
        reduce(values, max)
    }

    private func reduce(
        _ values: UnsafeMutableBufferPointer<Int64>, _ combine: (Int64, Int64) -> Int64
    ) {
        let all = meeting.exchange([UInt8](UnsafeRawBufferPointer(values)), rank: rank)
        for (source, bytes) in all.enumerated() where source != rank {
            bytes.withUnsafeBytes { raw in
                for index in values.indices {
                    let other = raw.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self)
                    values[index] = combine(values[index], other)
                }
            }
        }
    }

    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws(CommunicationError) {
        let all = meeting.exchange(rank == 0 ? [UInt8](bytes) : [], rank: rank)
        bytes.copyBytes(from: all[0])
    }

    public func allGather(_ bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
        meeting.exchange(bytes, rank: rank)
    }
}

/// Where the threads of one world put down their part and pick up all parts.
///
/// `@unchecked Sendable`: every field is read and written under `condition`.
private final class Meeting: @unchecked Sendable {
    private let condition = NSCondition()
    private let size: Int
    private var parts: [[UInt8]]
    private var result: [[UInt8]] = []
    private var arrived = 0
    private var round = 0

    init(size: Int) {
        self.size = size
        parts = [[UInt8]](repeating: [], count: size)
    }

    func exchange(_ bytes: [UInt8], rank: Int) -> [[UInt8]] {
        condition.lock()
        defer { condition.unlock() }
        let mine = round
        parts[rank] = bytes
        arrived += 1
        if arrived == size {
            result = parts
            arrived = 0
            round += 1
            condition.broadcast()
        }
        while round == mine { condition.wait() }
        return result
    }
}
