/// Takes the records of a run: a file, the terminal, a collector.
///
/// Called by the training loop, so neither function throws: trouble with reporting is told, not
/// allowed to stop the run.
public protocol ProgressSink: Sendable {
    /// Where records go, for messages: a file, an address.
    var place: String { get }

    /// Takes one record; returns without waiting for a network.
    func receive(_ record: TimedRecord)

    /// Takes several at once, in order; for sinks that cost less that way.
    func receive(contentsOf records: [TimedRecord])

    /// Brings everything received to its place, as far as that succeeds in this time; last call.
    func finish(timeoutSeconds: Double)
}

extension ProgressSink {
    public func receive(contentsOf records: [TimedRecord]) {
        for record in records { receive(record) }
    }
}
