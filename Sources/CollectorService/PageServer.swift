import Dispatch
import Faults
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
public import ProgressDelivery
public import ProgressReports
import RunPage
public import RunStore
import Synchronization

/// Serves what the store holds over HTTP: the page, the JSON interface, `/metrics` and `/healthz`.
///
/// Reads only. Where peers must show a token, so must whoever asks here: as a bearer token, or once as
/// `/?token=…`, which leaves a cookie.
public final class PageServer: Sendable {
    /// The chosen port where port 0 was asked for.
    public let address: CollectorAddress
    private let task: Task<Void, Never>

    /// Listens when it returns.
    ///
    /// - Throws: ``CollectorServiceError`` naming `--http`.
    public init(
        address: CollectorAddress, store: RunStore,
        security: CollectorSecurity = CollectorSecurity()
    ) throws(CollectorServiceError) {
        let (token, tls) = try Self.check(security, address)
        let state = Mutex<Result<Int, any Error>?>(nil)
        let started = DispatchSemaphore(value: 0)
        let box = StartBox(state: state, started: started)
        do {
            let router = PageRoutes(
                store: store, token: AccessToken(token), isEncrypted: tls != nil
            ).router
            var logger = Logger(label: "page")
            logger.logLevel = .critical
            let server: HTTPServerBuilder =
                if let tls {
                    try .tls(
                        .http1(configuration: Self.connections),
                        tlsConfiguration: tls.configuration)
                } else {
                    .http1(configuration: Self.connections)
                }
            let application = Application(
                router: router, server: server,
                configuration: .init(
                    address: .hostname(address.host, port: Int(address.port))),
                onServerRunning: { box.tell(.success($0.localAddress?.port ?? 0)) },
                logger: logger)
            task = Task.detached {
                do {
                    try await application.run()
                    box.tell(.failure(CancellationError()))
                } catch {
                    box.tell(.failure(error))
                }
            }
        } catch {
            throw CollectorServiceError(
                "cannot be served (\(error))", at: "--http", hint: nil, exitCode: .internalError)
        }
        switch box.wait() {
        case .success(let port):
            self.address = CollectorAddress(
                host: address.host, port: UInt16(truncatingIfNeeded: port))
        case .failure(let error):
            task.cancel()
            throw CollectorServer.listeningFault(error, address, flag: "--http")
        }
    }

    private static let mostConnections = 256

    private static var connections: HTTP1Channel.Configuration {
        let open = OpenConnections(limit: mostConnections, strangerLimit: mostConnections)
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [PageConnection(open: open)], idleTimeout: .seconds(30),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)
        )
    }

    public func stop() { task.cancel() }

    private static func check(
        _ security: CollectorSecurity, _ address: CollectorAddress
    ) throws(CollectorServiceError) -> (token: String, tls: TLSContext?) {
        let trusts = security.tokenFile != nil || security.authorityFile != nil
        guard trusts || address.isLoopback else {
            throw CollectorServiceError(
                "\(address) can be reached by others, and nothing tells who may look",
                at: "--http",
                hint: "Give --token-file, or listen on 127.0.0.1 and forward it with ssh -L")
        }
        do throws(ProgressError) {
            return (try security.token(), try security.serverContext())
        } catch {
            throw CollectorServiceError(
                error.problem, at: error.location ?? "--tls-certificate", hint: error.hint)
        }
    }
}

/// Carries the outcome of a start to the thread that waits for it.
private final class StartBox: Sendable {
    private let state: Mutex<Result<Int, any Error>?>
    private let started: DispatchSemaphore

    init(state: consuming Mutex<Result<Int, any Error>?>, started: DispatchSemaphore) {
        self.state = state
        self.started = started
    }

    func tell(_ result: Result<Int, any Error>) {
        state.withLock { $0 = $0 ?? result }
        started.signal()
    }

    func wait() -> Result<Int, any Error> {
        started.wait()
        return state.withLock { $0 ?? .failure(CancellationError()) }
    }
}
