import Collectives

/// How long a rank waits for the others before it gives them up.
///
/// Too short a limit ends a healthy run, too long a one lets a stopped rank hold all others. So it
/// follows what the ranks have to do meanwhile: ten times as long as that many tokens took at the
/// slowest so far, and never less than a minute, which is longer than a network needs to notice that
/// a node is gone (about 11 s; docs/reliability.md). Before anything was measured it is an hour: a
/// rank may be reading a large model from a slow disk.
final class WaitLimits {
    private let communicator: any Communicator
    /// `--collective-timeout`.
    private let fixedSeconds: Double?
    private var slowestSecondsPerToken = 0.0

    private static let firstSeconds = 3600.0
    private static let leastSeconds = 60.0
    private static let factor = 10.0

    init(communicator: any Communicator, fixedSeconds: Double?) {
        self.communicator = communicator
        self.fixedSeconds = fixedSeconds
        expectAnything()
    }

    /// Of what follows nothing is known.
    func expectAnything() {
        communicator.limitWaiting(toSeconds: fixedSeconds ?? Self.firstSeconds)
    }

    /// All ranks together compute so many tokens before they meet.
    func expect(tokens: Int) {
        let seconds =
            slowestSecondsPerToken == 0
            ? Self.firstSeconds
            : max(Self.leastSeconds, Self.factor * slowestSecondsPerToken * Double(tokens))
        communicator.limitWaiting(toSeconds: fixedSeconds ?? seconds)
    }

    /// All ranks together took so long for so many tokens.
    func observe(tokens: Int, seconds: Double) {
        guard tokens > 0 else { return }
        slowestSecondsPerToken = max(slowestSecondsPerToken, seconds / Double(tokens))
    }
}
