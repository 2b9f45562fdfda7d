import Foundation

/// The ranks of a run as threads of one process: the twin of ``MPICommunicator`` for tests.
///
/// `@unchecked Sendable`: all shared state lies in `Meeting`, behind its condition.
public final class InProcessCommunicator: Communicator, @unchecked Sendable {
    public let rank: Int
    public let size: Int
    public var localRank: Int { rank }
    public var localSize: Int { size }
    public var hostLeader: Int { 0 }
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
        guard size > 1 else { return }
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
        guard size > 1 else { return }
        let all = meeting.exchange(rank == 0 ? [UInt8](bytes) : [], rank: rank)
        bytes.copyBytes(from: all[0])
    }

    public func send(
        _ bytes: UnsafeRawBufferPointer, to rank: Int
    ) throws(CommunicationError) {
        meeting.put([UInt8](bytes), from: self.rank, to: rank)
    }

    public func receive(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int
    ) throws(CommunicationError) {
        bytes.copyBytes(from: meeting.take(from: rank, to: self.rank))
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
    /// Messages on their way, by sender and receiver, oldest first.
    private var letters: [[Int]: [[UInt8]]] = [:]

    init(size: Int) {
        self.size = size
        parts = [[UInt8]](repeating: [], count: size)
    }

    func put(_ bytes: [UInt8], from sender: Int, to receiver: Int) {
        condition.lock()
        defer { condition.unlock() }
        letters[[sender, receiver], default: []].append(bytes)
        condition.broadcast()
    }

    func take(from sender: Int, to receiver: Int) -> [UInt8] {
        condition.lock()
        defer { condition.unlock() }
        let way = [sender, receiver]
        while letters[way, default: []].isEmpty { condition.wait() }
        return letters[way, default: []].removeFirst()
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
