/// Records waiting to be sent: first in, first out, at most `capacity`.
///
/// When it is full the oldest record of the least important class that is present goes: steps, then
/// evaluations and warnings, and only if nothing else is left those that tell a run's story.
package struct RecordQueue {
    package let capacity: Int
    package private(set) var dropped = 0
    /// Queue by importance, least first; each is in order of arrival.
    private var classes: [Arrivals] = [Arrivals(), Arrivals(), Arrivals()]
    private var arrivals = 0

    private struct Arrivals {
        private var items: [(number: Int, record: TimedRecord)] = []
        private var start = 0

        var first: (number: Int, record: TimedRecord)? { start < items.count ? items[start] : nil }
        var count: Int { items.count - start }

        mutating func append(_ number: Int, _ record: TimedRecord) {
            items.append((number, record))
        }

        mutating func removeFirst() {
            start += 1
            // Moves each item once on average.
            if start > 64 && start * 2 > items.count {
                items.removeFirst(start)
                start = 0
            }
        }
    }

    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// Leaves an empty queue behind, which goes on counting.
    package mutating func takeAll() -> RecordQueue {
        let taken = self
        classes = [Arrivals(), Arrivals(), Arrivals()]
        return taken
    }

    package var count: Int { classes.reduce(0) { $0 + $1.count } }

    package mutating func append(_ record: TimedRecord) {
        classes[record.record.importance].append(arrivals, record)
        arrivals += 1
        guard count > capacity, let least = classes.firstIndex(where: { $0.first != nil }) else {
            return
        }
        classes[least].removeFirst()
        dropped += 1
    }

    /// Takes the record that has waited longest.
    package mutating func popFirst() -> TimedRecord? {
        let oldest = classes.indices
            .compactMap { place in classes[place].first.map { (place, $0) } }
            .min { $0.1.number < $1.1.number }
        guard let (place, item) = oldest else { return nil }
        classes[place].removeFirst()
        return item.record
    }

}

extension ProgressRecord {
    /// What goes first where room is short: 0, then 1. Those of 2 tell a run's story: start, durable
    /// checkpoints, errors and the end.
    package var importance: Int {
        switch self {
        case .step: 0
        case .evaluation, .warning: 1
        case .checkpoint, .finished, .failed, .runStarted, .resumed, .gap: 2
        }
    }
}
