import NIOCore
import Synchronization

/// An answer that is the same for all who ask within a moment: made once, and its bytes shared.
///
/// A large one is kept for longer, by a second for two megabytes: whoever does not read holds one of them,
/// and there must not be many.
final class CachedAnswer: Sendable {
    private let lifetime: Duration
    private let state = Mutex<(until: ContinuousClock.Instant, bytes: ByteBuffer)?>(nil)

    init(lifetime: Duration) {
        self.lifetime = lifetime
    }

    /// - Parameter make: Called by one at a time, while others wait for what it returns.
    func bytes(_ make: () throws -> String) throws -> ByteBuffer {
        try state.withLock { state in
            if let kept = state, kept.until > .now { return kept.bytes }
            let bytes = ByteBuffer(string: try make())
            state = (.now + lifetime + .milliseconds(bytes.readableBytes / 2000), bytes)
            return bytes
        }
    }
}
