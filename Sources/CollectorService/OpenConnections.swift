import NIOCore
import Synchronization

/// Who is connected, against limits: a stranger who takes a place and does nothing loses it to the next.
final class OpenConnections: Sendable {
    /// Sent to the pipeline of a connection that has to go.
    struct Eviction: Sendable {}

    private let limit: Int
    private let strangerLimit: Int
    private let state = Mutex(State())

    private struct State {
        /// Those that have not shown who they are, or what they want; the one that was idle longest first.
        var strangers: [any Channel] = []
        var knownCount = 0
    }

    /// - Parameters:
    ///   - limit: Of all connections.
    ///   - strangerLimit: Of those that were not welcomed.
    init(limit: Int, strangerLimit: Int) {
        self.limit = limit
        self.strangerLimit = strangerLimit
    }

    /// Takes a place for a stranger, where there is none that of another.
    ///
    /// - Returns: `false` if all places are taken by those who were welcomed.
    func enter(_ channel: any Channel) -> Bool {
        let (isIn, evicted) = state.withLock { state -> (Bool, (any Channel)?) in
            let isFull = state.knownCount + state.strangers.count >= limit
            var evicted: (any Channel)?
            if isFull || state.strangers.count >= strangerLimit {
                guard !state.strangers.isEmpty else { return (false, nil) }
                evicted = state.strangers.removeFirst()
            }
            state.strangers.append(channel)
            return (true, evicted)
        }
        evicted?.pipeline.fireUserInboundEventTriggered(Eviction())
        return isIn
    }

    /// A stranger does something: others have been idle for longer.
    func touch(_ channel: any Channel) {
        state.withLock { state in
            guard let place = state.strangers.firstIndex(where: { $0 === channel }) else { return }
            state.strangers.append(state.strangers.remove(at: place))
        }
    }

    /// A stranger is none any more.
    ///
    /// - Returns: `false` if its place is gone.
    func welcome(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard let place = state.strangers.firstIndex(where: { $0 === channel }) else {
                return false
            }
            state.strangers.remove(at: place)
            state.knownCount += 1
            return true
        }
    }

    /// - Parameter wasWelcomed: What ``welcome(_:)`` has returned.
    func leave(_ channel: any Channel, wasWelcomed: Bool) {
        state.withLock { state in
            if wasWelcomed {
                state.knownCount -= 1
            } else {
                state.strangers.removeAll { $0 === channel }
            }
        }
    }
}
