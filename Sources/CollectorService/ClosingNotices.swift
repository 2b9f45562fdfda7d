import NIOCore

/// Tells why connections were closed, but not more often than a person, or a disk with a log, can take.
///
/// Not `Sendable`: the server's one event loop owns it.
final class ClosingNotices {
    private let tell: @Sendable (String) -> Void
    private var toldCount = 0
    private var leftOutCount = 0
    private var minuteEnds = NIODeadline.now()

    private static let mostEachMinute = 100

    init(tell: @escaping @Sendable (String) -> Void) {
        self.tell = tell
    }

    func tell(_ text: String) {
        if NIODeadline.now() >= minuteEnds {
            if leftOutCount > 0 { tell("(\(leftOutCount) more connections were closed)") }
            (toldCount, leftOutCount) = (0, 0)
            minuteEnds = .now() + .minutes(1)
        }
        guard toldCount < Self.mostEachMinute else {
            leftOutCount += 1
            return
        }
        toldCount += 1
        tell(text)
    }
}
