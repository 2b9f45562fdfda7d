import Faults
import NIOCore
import NIOPosix
import NIOSSL
public import ProgressDelivery
public import ProgressReports
public import RunStore

/// Receives progress reports over TCP, tells them, stores them and acknowledges them.
///
/// One event loop serves all connections. What a peer sends can close its own connection, with one
/// line told, and nothing else.
public final class CollectorServer: Sendable {
    /// What bounds a peer.
    public struct Limits: Sendable {
        public var connections = 1024
        /// Of these, such that have not greeted; the oldest has to go where there are more.
        public var strangers = 128
        /// Time to greet.
        public var greetingSeconds = 10.0
        /// Time to complete a frame once its first byte has come.
        public var frameSeconds = 30.0

        public init() {}
    }

    private let group: MultiThreadedEventLoopGroup
    private let intake: NIOLoopBoundBox<RecordIntake>
    /// The chosen port where port 0 was asked for.
    public let address: CollectorAddress

    /// Listens when it returns.
    ///
    /// - Parameters:
    ///   - address: Where to listen; port 0 takes any free one.
    ///   - store: Where records go.
    ///   - security: The token that peers must give, and certificates for TLS; with neither a token
    ///     nor an authority for client certificates it listens on the loopback address only.
    ///   - limits: What bounds a peer.
    ///   - tellsRecords: Whether each record is told.
    ///   - tell: Gets each line for the person at the terminal, from another thread.
    /// - Throws: ``CollectorServiceError`` naming `--listen` or a file of `security`.
    public init(
        address: CollectorAddress, store: RunStore,
        security: CollectorSecurity = CollectorSecurity(), limits: Limits = Limits(),
        tellsRecords: Bool = true, tell: @escaping @Sendable (String) -> Void
    ) throws(CollectorServiceError) {
        let (token, tls) = try Self.check(security, address)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let loop = group.next()
            let intake = NIOLoopBoundBox.makeBoxSendingValue(
                RecordIntake(
                    store: store, loop: loop, tellsRecords: tellsRecords, tell: tell),
                eventLoop: loop)
            self.intake = intake
            let notices = NIOLoopBoundBox.makeBoxSendingValue(
                ClosingNotices(tell: tell), eventLoop: loop)
            let open = OpenConnections(
                limit: limits.connections, strangerLimit: limits.strangers)
            let channel = try ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                // What a peer does not read waits here; past it the peer is closed.
                .childChannelOption(
                    .writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10)
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls {
                            try channel.pipeline.syncOperations.addHandler(
                                NIOSSLServerHandler(context: tls.context))
                        }
                        try channel.pipeline.syncOperations.addHandler(
                            CollectorConnection(
                                intake: intake.value, open: open, limits: limits,
                                token: AccessToken(token),
                                notices: notices.value))
                    }
                }
                .bind(host: address.host, port: Int(address.port))
                .wait()
            let port = channel.localAddress?.port.map { UInt16($0) } ?? address.port
            self.address = CollectorAddress(host: address.host, port: port)
        } catch {
            try? group.syncShutdownGracefully()
            throw Self.listeningFault(error, address, flag: "--listen")
        }
    }

    /// Closes the listening socket and all connections; frames that have come whole are stored.
    public func stop() {
        let intake = intake
        try? group.next().submit { intake.value.storeAll() }.wait()
        try? group.syncShutdownGracefully()
    }

    private static func check(
        _ security: CollectorSecurity, _ address: CollectorAddress
    ) throws(CollectorServiceError) -> (token: String, tls: TLSContext?) {
        let trusts = security.tokenFile != nil || security.authorityFile != nil
        guard trusts || address.isLoopback else {
            throw CollectorServiceError(
                "\(address) can be reached by others, and nothing tells who may report",
                at: "--listen",
                hint: "Give --token-file, or --tls-certificate, --tls-key and --tls-authority; or "
                    + "listen on 127.0.0.1")
        }
        do throws(ProgressError) {
            return (try security.token(), try security.serverContext())
        } catch {
            throw CollectorServiceError(
                error.problem, at: error.location ?? "--tls-certificate", hint: error.hint)
        }
    }

    /// Why nobody can listen there.
    static func listeningFault(
        _ error: any Error, _ address: CollectorAddress, flag: String
    ) -> CollectorServiceError {
        if let fault = error as? CollectorServiceError { return fault }
        if let system = error as? IOError, system.errnoCode == EADDRINUSE {
            return CollectorServiceError(
                "\(address) is taken by another program", at: flag,
                hint: "Stop that program, or use another port (0 takes any free one)",
                exitCode: .tryAgain)
        }
        return CollectorServiceError(
            "cannot listen on \(address) (\(error))", at: flag,
            hint: "Give an address of this machine, such as 127.0.0.1:7700")
    }
}
