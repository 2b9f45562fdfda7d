import Dispatch
import Synchronization

/// Connections that read a file side by side, made when they are needed.
final class ReadingConnections: Sendable {
    private let path: String
    private let busySeconds: Double
    private let idle = Mutex<[SQLiteConnection]>([])
    private let free = DispatchSemaphore(value: mostConnections)

    private static let mostConnections = 5

    init(_ path: String, busySeconds: Double) {
        (self.path, self.busySeconds) = (path, busySeconds)
    }

    /// Waits where all are in use; what `body` reads is of one moment.
    func read<Value>(_ body: (SQLiteConnection) throws -> Value) throws -> Value {
        free.wait()
        defer { free.signal() }
        let connection =
            try idle.withLock { $0.popLast() }
            ?? SQLiteConnection(path, for: .reading, busySeconds: busySeconds)
        defer { idle.withLock { $0.append(connection) } }
        return try connection.transaction(isWriting: false) { try body(connection) }
    }
}
