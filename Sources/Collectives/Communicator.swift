public import Faults

/// What the ranks of a run say to each other: integers and bytes.
///
/// Collectives are called by all ranks in the same order. Sums wrap, so their result does not
/// depend on the order of addition.
public protocol Communicator: Sendable {
    /// This process among `size`; 0 is the coordinator.
    var rank: Int { get }
    var size: Int { get }
    /// This process among those of its host, and their number.
    var localRank: Int { get }
    var localSize: Int { get }
    /// The lowest rank of this process's host: names the host among all of the run.
    var hostLeader: Int { get }

    /// A collective that has waited for so long for other ranks throws; forever at first.
    func limitWaiting(toSeconds seconds: Double)

    /// Replaces `values` by their element-wise wrapping sum over all ranks.
    func allReduceSum(_ values: UnsafeMutableBufferPointer<Int64>) throws(CommunicationError)
    /// Replaces `values` by their element-wise maximum over all ranks.
    func allReduceMax(_ values: UnsafeMutableBufferPointer<Int64>) throws(CommunicationError)
    /// Replaces `bytes` on every rank by those of rank 0.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws(CommunicationError)
    /// Sends `bytes` to `rank`, which calls ``receive(_:from:)`` with as many.
    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws(CommunicationError)
    /// Fills `bytes` with what `rank` sends.
    func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws(CommunicationError)
    /// The `bytes` of all ranks, in order of rank; each must be `bytes.count` long.
    func allGather(_ bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]]
}

extension Communicator {
    public var isCoordinator: Bool { rank == 0 }

    /// ``allReduceSum(_:)-(UnsafeMutableBufferPointer)`` on an array.
    public func allReduceSum(_ values: inout [Int64]) throws(CommunicationError) {
        let result = values.withUnsafeMutableBufferPointer { values in
            Result { () throws(CommunicationError) in try allReduceSum(values) }
        }
        try result.get()
    }

    /// ``allReduceMax(_:)-(UnsafeMutableBufferPointer)`` on an array.
    public func allReduceMax(_ values: inout [Int64]) throws(CommunicationError) {
        let result = values.withUnsafeMutableBufferPointer { values in
            Result { () throws(CommunicationError) in try allReduceMax(values) }
        }
        try result.get()
    }

    /// Rank 0's `bytes`, of any length, on every rank.
    public func broadcast(bytes: [UInt8]) throws(CommunicationError) -> [UInt8] {
        var length = [Int64(isCoordinator ? bytes.count : 0)]
        try allReduceMax(&length)
        var copy = isCoordinator ? bytes : [UInt8](repeating: 0, count: Int(length[0]))
        let result = copy.withUnsafeMutableBytes { target in
            Result { () throws(CommunicationError) in try broadcast(target) }
        }
        try result.get()
        return copy
    }

    /// Sends `bytes` and their number to `rank`, which calls ``receive(from:)``.
    public func send(bytes: [UInt8], to rank: Int) throws(CommunicationError) {
        let count = withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { [UInt8]($0) }
        for part in [count, bytes] {
            let result = part.withUnsafeBytes { source in
                Result { () throws(CommunicationError) in try send(source, to: rank) }
            }
            try result.get()
        }
    }

    /// What `rank` sends with ``send(bytes:to:)``.
    public func receive(from rank: Int) throws(CommunicationError) -> [UInt8] {
        var count = [UInt8](repeating: 0, count: 8)
        try receive(&count, from: rank)
        let length = count.reversed().reduce(0) { $0 << 8 | Int($1) }
        var bytes = [UInt8](repeating: 0, count: length)
        try receive(&bytes, from: rank)
        return bytes
    }

    private func receive(_ bytes: inout [UInt8], from rank: Int) throws(CommunicationError) {
        let result = bytes.withUnsafeMutableBytes { target in
            Result { () throws(CommunicationError) in try receive(target, from: rank) }
        }
        try result.get()
    }

    /// The `bytes` of all ranks, whatever their lengths.
    public func allGather(padding bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
        var longest = [Int64(bytes.count)]
        try allReduceMax(&longest)
        let count = withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { [UInt8]($0) }
        let padding = [UInt8](repeating: 0, count: Int(longest[0]) - bytes.count)
        return try allGather(count + bytes + padding).map { frame in
            let length = frame.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            return [UInt8](frame.dropFirst(8).prefix(length))
        }
    }
}

/// A collective that failed.
public struct CommunicationError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    init(problem: String, location: String?, hint: String?, exitCode: ExitCode) {
        self.problem = problem
        self.location = location
        self.hint = hint
        self.exitCode = exitCode
    }

    init(operation: String, problem: String, workerRank: Int?) {
        self.problem = "\(operation) failed: \(problem)"
        location = workerRank.map { "rank \($0)" }
        hint = "Run the same command again: it continues from the last checkpoint"
        exitCode = .tryAgain
    }
}
