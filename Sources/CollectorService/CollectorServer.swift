import Faults
import NIOCore
import NIOPosix
public import ProgressReports
import Synchronization

/// Receives progress reports over TCP, tells them and stores them.
///
/// One event loop serves all connections. What a peer sends can close its own connection, with one
/// line told, and nothing else.
public final class CollectorServer: Sendable {
    /// What bounds a peer.
    public struct Limits: Sendable {
        /// More are closed at once.
        public var connections = 1024
        /// Time to complete a frame once its first byte has come.
        public var frameSeconds = 30.0

        public init() {}
    }

    private let group: MultiThreadedEventLoopGroup
    /// The chosen port where port 0 was asked for.
    public let address: CollectorAddress

    /// Listens when it returns.
    ///
    /// - Parameters:
    ///   - address: Where to listen; port 0 takes any free one.
    ///   - storePath: JSON lines are appended to this file.
    ///   - limits: What bounds a peer.
    ///   - tell: Gets each line for the person at the terminal, from another thread.
    /// - Throws: ``CollectorServiceError`` naming `--listen` or `--store`.
    public init(
        address: CollectorAddress, storePath: String, limits: Limits = Limits(),
        tell: @escaping @Sendable (String) -> Void
    ) throws(CollectorServiceError) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let store = NIOLoopBoundBox.makeBoxSendingValue(
                try RecordStore(path: storePath, tell: tell), eventLoop: group.next())
            let open = OpenConnections(limit: limits.connections)
            let channel = try ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            CollectorConnection(
                                store: store.value, open: open, frameSeconds: limits.frameSeconds,
                                tell: tell))
                    }
                }
                .bind(host: address.host, port: Int(address.port))
                .wait()
            let port = channel.localAddress?.port.map { UInt16($0) } ?? address.port
            self.address = CollectorAddress(host: address.host, port: port)
        } catch {
            try? group.syncShutdownGracefully()
            throw Self.fault(error, address)
        }
    }

    /// Closes the listening socket and all connections; frames that have come whole are stored.
    public func stop() {
        try? group.syncShutdownGracefully()
    }

    private static func fault(_ error: any Error, _ address: CollectorAddress)
        -> CollectorServiceError
    {
        if let fault = error as? CollectorServiceError { return fault }
        if let system = error as? IOError, system.errnoCode == EADDRINUSE {
            return CollectorServiceError(
                "\(address) is taken by another program", at: "--listen",
                hint: "Stop that program, or use another port (0 takes any free one)",
                exitCode: .tryAgain)
        }
        return CollectorServiceError(
            "cannot listen on \(address) (\(error))", at: "--listen",
            hint: "Give an address of this machine, such as 127.0.0.1:7700")
    }
}

/// How many connections there are, against the limit.
final class OpenConnections: Sendable {
    private let count = Mutex(0)
    let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Counts one more, unless that is one too many.
    func enter() -> Bool {
        count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func leave() {
        count.withLock { $0 -= 1 }
    }
}
