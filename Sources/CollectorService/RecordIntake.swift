import Faults
import NIOCore
import ProgressReports
import RunStore
import Words

/// Gathers the records of all connections for a moment, stores them in one transaction and only then
/// acknowledges them.
///
/// Not `Sendable`: the server's one event loop owns it.
final class RecordIntake {
    private let store: RunStore
    private let loop: any EventLoop
    private let tell: @Sendable (String) -> Void
    private let tellsRecords: Bool
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    private var isScheduled = false
    private var hasFailed = false

    private struct Waiting {
        let record: TimedRecord
        let peer: String
        let channel: any Channel
        let refuse: (String) -> Void
    }

    /// Long enough for some tens of records at a thousand a second, short enough for a live page.
    private static let delay = TimeAmount.milliseconds(20)
    /// A full batch is stored at once; meanwhile nothing is read, so memory has a bound.
    private static let mostRecords = 4096
    /// Of frames; records in memory take some times as much.
    private static let mostBytes = 4 << 20

    init(
        store: RunStore, loop: any EventLoop, tellsRecords: Bool,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.tellsRecords = tellsRecords
        self.store = store
        self.loop = loop
        self.tell = tell
    }

    /// - Parameters:
    ///   - bytes: Of its frame.
    ///   - refuse: Called if the record cannot be stored, or its sender reads no answers.
    func take(
        _ record: TimedRecord, bytes: Int, from peer: String, on channel: any Channel,
        refuse: @escaping (String) -> Void
    ) {
        waiting.append(Waiting(record: record, peer: peer, channel: channel, refuse: refuse))
        waitingBytes += bytes
        if waiting.count >= Self.mostRecords || waitingBytes >= Self.mostBytes {
            storeAll()
        } else if !isScheduled {
            isScheduled = true
            loop.assumeIsolated().scheduleTask(in: Self.delay) {
                self.isScheduled = false
                self.storeAll()
            }
        }
    }

    /// Stores what waits and tells the senders.
    func storeAll() {
        let batch = waiting
        waiting = []
        waitingBytes = 0
        guard !batch.isEmpty else { return }
        do throws(RunStoreError) {
            let new = try store.append(batch.map(\.record), at: unixTimeNanoseconds())
            hasFailed = false
            // First: whoever has the acknowledgement finds the line.
            if tellsRecords { for index in new { tellOf(batch[index]) } }
            acknowledge(batch)
        } catch {
            // Once for each spell of trouble, not for each batch.
            if !hasFailed { tell("records cannot be stored: \(error)") }
            hasFailed = true
            for item in batch { item.refuse("the collector cannot store records now") }
        }
    }

    private func tellOf(_ item: Waiting) {
        let run = item.record.runID.prefix(8).description.printable
        tell("[\(run) \(item.peer)] \(item.record.sentence)")
    }

    private struct Stream: Hashable {
        let channel: ObjectIdentifier
        let runID: String
        let epoch: UInt64
    }

    /// One acknowledgement for each run and epoch of each connection: the last of them, as it came.
    private func acknowledge(_ batch: [Waiting]) {
        var last: [Stream: Int] = [:]
        for (index, item) in batch.enumerated() {
            let stream = Stream(
                channel: ObjectIdentifier(item.channel), runID: item.record.runID,
                epoch: item.record.epoch)
            last[stream] = index
        }
        // In the order in which they came: a sender goes through its records in order.
        for index in last.values.sorted() where batch[index].channel.isActive {
            let record = batch[index].record
            let reply = ProgressGreeting.Reply.acknowledgement(
                runID: record.runID, epoch: record.epoch, sequence: record.sequence)
            let channel = batch[index].channel
            guard channel.isWritable else {
                batch[index].refuse("it does not read what it is answered")
                continue
            }
            channel.writeAndFlush(
                channel.allocator.buffer(bytes: progressFrame(reply.encoded())), promise: nil)
        }
    }
}
