import COpenMPI
import Foundation

/// The world communicator of an `mpirun` job, or of a program started without it (one rank).
///
/// Waits by testing, not by blocking: a rank that waits for a slower one leaves its core to others.
/// `@unchecked Sendable`: MPI is initialised for one thread, and only the main thread calls it.
public final class MPICommunicator: Communicator, @unchecked Sendable {
    public let rank: Int
    public let size: Int
    public let localRank: Int
    public let localSize: Int
    public let hostLeader: Int

    /// How long a collective waits for other ranks.
    private var limitSeconds = Double.infinity

    /// How long a wait tests without sleeping: long enough for a transfer whose ranks are all there.
    private static let eagerNanoseconds: UInt64 = 5_000_000
    /// MPI counts are 32-bit.
    private static let largestCount = 1 << 28

    /// Calls `MPI_Init_thread`. To be done once in a process.
    public init() throws(CommunicationError) {
        Self.standAloneInStep()
        var provided: Int32 = 0
        let status = MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided)
        guard status == MPI_SUCCESS else {
            throw CommunicationError(
                operation: "MPI_Init_thread", problem: "status \(status)", workerRank: nil)
        }
        _ = MPI_Comm_set_errhandler(cmpi_comm_world(), cmpi_errors_return())
        (rank, size) = Self.place(in: cmpi_comm_world())
        var node: MPI_Comm? = nil
        let split = MPI_Comm_split_type(
            cmpi_comm_world(), cmpi_comm_type_shared(), 0, cmpi_info_null(), &node)
        guard split == MPI_SUCCESS, node != nil else {
            throw CommunicationError(
                operation: "MPI_Comm_split_type", problem: "status \(split)", workerRank: nil)
        }
        (localRank, localSize) = Self.place(in: node)
        var leader = Int64(rank)
        let told = MPI_Bcast(&leader, 1, cmpi_int64(), 0, node)
        guard told == MPI_SUCCESS else {
            throw CommunicationError(
                operation: "MPI_Bcast", problem: "status \(told)", workerRank: rank)
        }
        hostLeader = Int(leader)
        _ = MPI_Comm_free(&node)
    }

    private static func place(in communicator: MPI_Comm?) -> (rank: Int, size: Int) {
        var (rank, size): (Int32, Int32) = (0, 1)
        _ = MPI_Comm_rank(communicator, &rank)
        _ = MPI_Comm_size(communicator, &size)
        return (Int(rank), Int(size))
    }

    /// Leaves MPI; no collective may follow.
    public func finalize() { _ = MPI_Finalize() }

    /// Ends the whole job at once, for a rank whose peers no longer answer.
    ///
    /// - Note: `MPI_Abort` itself may wait for a node that is gone; this process does not.
    public func abort(exitCode: Int32) {
        let thread = Thread {
            sleep(Self.abortPatienceSeconds)
            _exit(exitCode)
        }
        thread.start()
        _ = MPI_Abort(cmpi_comm_world(), exitCode)
    }

    private static let abortPatienceSeconds: UInt32 = 10

    public func limitWaiting(toSeconds seconds: Double) { limitSeconds = seconds }

    public func allReduceSum(
        _ values: UnsafeMutableBufferPointer<Int64>
    ) throws(CommunicationError) {
        try allReduce(values, cmpi_sum())
    }

    public func allReduceMax(
        _ values: UnsafeMutableBufferPointer<Int64>
    ) throws(CommunicationError) {
        try allReduce(values, cmpi_max())
    }

    private func allReduce(
        _ values: UnsafeMutableBufferPointer<Int64>, _ operation: MPI_Op?
    ) throws(CommunicationError) {
        guard let start = values.baseAddress else { return }
        try completeParts(of: values.count, "MPI_Iallreduce") { offset, count, request in
            MPI_Iallreduce(
                cmpi_in_place(), start + offset, count, cmpi_int64(), operation,
                cmpi_comm_world(), &request)
        }
    }

    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws(CommunicationError) {
        guard let start = bytes.baseAddress else { return }
        try completeParts(of: bytes.count, "MPI_Ibcast") { offset, count, request in
            MPI_Ibcast(
                start + offset, count, cmpi_byte(), 0, cmpi_comm_world(), &request)
        }
    }

    public func send(
        _ bytes: UnsafeRawBufferPointer, to rank: Int
    ) throws(CommunicationError) {
        try completeParts(of: bytes.count, "MPI_Isend") { offset, count, request in
            MPI_Isend(
                bytes.baseAddress.map { $0 + offset }, count, cmpi_byte(), Int32(rank),
                0,
                cmpi_comm_world(), &request)
        }
    }

    public func receive(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int
    ) throws(CommunicationError) {
        try completeParts(of: bytes.count, "MPI_Irecv") { offset, count, request in
            MPI_Irecv(
                bytes.baseAddress.map { $0 + offset }, count, cmpi_byte(), Int32(rank),
                0,
                cmpi_comm_world(), &request)
        }
    }

    public func allGather(_ bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
        var all = [UInt8](repeating: 0, count: bytes.count * size)
        let result = all.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                Result { () throws(CommunicationError) in
                    try complete("MPI_Iallgather") { request in
                        MPI_Iallgather(
                            source.baseAddress, Int32(bytes.count), cmpi_byte(),
                            target.baseAddress, Int32(bytes.count), cmpi_byte(),
                            cmpi_comm_world(), &request)
                    }
                }
            }
        }
        try result.get()
        return (0..<size).map { [UInt8](all[$0 * bytes.count..<($0 + 1) * bytes.count]) }
    }

    /// Does a transfer of `total` elements in parts that MPI can count.
    private func completeParts(
        of total: Int, _ operation: String,
        _ start: (_ offset: Int, _ count: Int32, _ request: inout MPI_Request?) -> Int32
    ) throws(CommunicationError) {
        for offset in stride(from: 0, to: total, by: Self.largestCount) {
            let count = Int32(min(Self.largestCount, total - offset))
            try complete(operation) { start(offset, count, &$0) }
        }
    }

    /// Starts a non-blocking collective and tests it until it is done.
    private func complete(
        _ operation: String, _ start: (inout MPI_Request?) -> Int32
    ) throws(CommunicationError) {
        var request: MPI_Request? = nil
        try check(start(&request), operation)
        let began = DispatchTime.now().uptimeNanoseconds
        while true {
            var done: Int32 = 0
            try check(MPI_Test(&request, &done, cmpi_status_ignore()), operation)
            if done != 0 { return }
            let waited = DispatchTime.now().uptimeNanoseconds - began
            if waited < Self.eagerNanoseconds {
                sched_yield()
            } else {
                guard Double(waited) / 1e9 < limitSeconds else {
                    throw CommunicationError(
                        operation: operation,
                        problem: "not all ranks have answered within "
                            + "\(limitSeconds.formatted(.number.precision(.fractionLength(0...1)))) s"
                            + ": one is stopped, hangs or cannot be reached", workerRank: rank)
                }
                usleep(100)
            }
        }
    }

    private func check(_ status: Int32, _ operation: String) throws(CommunicationError) {
        guard status != MPI_SUCCESS else { return }
        var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING))
        var length: Int32 = 0
        _ = MPI_Error_string(status, &text, &length)
        let message = String(decoding: text.prefix(Int(length)).map(UInt8.init), as: UTF8.self)
        throw CommunicationError(operation: operation, problem: message, workerRank: rank)
    }
}
