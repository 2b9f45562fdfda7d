import Synchronization

/// Records that an outlet could not pass on: told once when it begins, and their number at the end.
final class FailureCount: Sendable {
    let place: String
    private let tell: @Sendable (String) -> Void
    private let failed = Mutex(0)

    init(place: String, tell: @escaping @Sendable (String) -> Void) {
        self.place = place
        self.tell = tell
    }

    func count(_ reason: String, records: Int = 1) {
        let isFirst = failed.withLock { failed in
            failed += records
            return failed == records
        }
        if isFirst {
            tell("\(place): a record could not be passed on (\(reason)); training goes on")
        }
    }

    func tellTotal() {
        let total = failed.withLock { $0 }
        if total > 0 { tell("\(place): \(total) records could not be passed on") }
    }
}
