import ArgumentParser
import CollectorService
import CommandOptions
import Faults
import Glibc
import ProgressDelivery
import ProgressReports
import RunStore

@main
struct LoraCollector: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lora-collector",
        abstract: "Receives the progress reports of training runs, stores and shows them.",
        discussion: """
            Start it in a terminal, and give the workers its address:

              lora-collector --listen 127.0.0.1:7700
              mpirun -n 2 lora-worker ... --collector 127.0.0.1:7700

            Then open http://127.0.0.1:7701 in a browser, or: lora runs

            It may start later than a run, or stop before it: training goes on, reports wait in the \
            run's folder, and each is stored once. Ctrl-C ends it.

            Others than this machine reach it only if it knows whom to trust: by a token \
            (openssl rand -hex 24 > token; --token-file token here, --collector-token-file token at the \
            worker), or by client certificates (--tls-authority). A token alone does not encrypt: \
            --tls-certificate and --tls-key do.
            """,
        version: ProgramVersion.text)

    @Option(
        help: ArgumentHelp(
            "Where to listen. Port 0 takes a free port and prints it; 0.0.0.0 listens on all networks.",
            valueName: "HOST:PORT"))
    var listen = "127.0.0.1:7700"

    @Option(
        help: ArgumentHelp(
            "Where the page, the JSON interface and /metrics are served; off for nowhere.",
            valueName: "HOST:PORT"))
    var http = "127.0.0.1:7701"

    @Option(
        help: ArgumentHelp(
            "SQLite file of all runs (default: ~/.local/share/lora-cluster/runs.sqlite).",
            valueName: "FILE"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "Holds the token that senders and readers must give, on one line.", valueName: "FILE"))
    var tokenFile: String?

    @Option(help: ArgumentHelp("PEM certificate chain: turns TLS on.", valueName: "FILE"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM private key of --tls-certificate.", valueName: "FILE"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "PEM certificates that sign clients': nobody else may connect.", valueName: "FILE"))
    var tlsAuthority: String?

    @Flag(help: "Print no line for each record.")
    var quiet = false

    static func main() {
        endIfOptionIsRepeated()
        main(nil)
    }

    func run() throws {
        // Before any thread starts, so that all inherit it and only sigwait takes the signals.
        var ending = sigset_t()
        sigemptyset(&ending)
        sigaddset(&ending, SIGINT)
        sigaddset(&ending, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &ending, nil)
        signal(SIGPIPE, SIG_IGN)
        var limits = CollectorServer.Limits()
        limits.connections = min(limits.connections, Self.descriptors() - Self.otherDescriptors)
        do {
            let output = try OutputLines()
            defer { output.finish(timeoutSeconds: 2) }
            let security = CollectorSecurity(
                tokenFile: tokenFile, authorityFile: tlsAuthority, certificateFile: tlsCertificate,
                keyFile: tlsKey)
            let path = store ?? RunStore.defaultPath
            let runs = try RunStore(writing: path)
            let server = try CollectorServer(
                address: CollectorAddress(listen, flag: "--listen"), store: runs,
                security: security, limits: limits, tellsRecords: !quiet, tell: output.say)
            let page =
                http == "off"
                ? nil
                : try PageServer(
                    address: CollectorAddress(http, flag: "--http"),
                    store: RunStore(reading: path), security: security)
            output.say("listening on \(server.address), storing in \(path)")
            if let page {
                output.say("\(tlsCertificate == nil ? "http" : "https")://\(page.address)")
            }
            var received: Int32 = 0
            sigwait(&ending, &received)
            page?.stop()
            server.stop()
            output.say("stopped")
        } catch let fault as any Fault {
            _ = "error: \(fault)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
            throw ArgumentParser.ExitCode(fault.exitCode.rawValue)
        }
    }

    /// For readers of the page, the store, and what libraries open.
    private static let otherDescriptors = 320

    /// As many connections as are allowed need as many descriptors, of which a shell often grants 1024.
    ///
    /// - Returns: How many there are.
    private static func descriptors() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 1024
        }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 4096))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return max(otherDescriptors + 16, Int(clamping: limit.rlim_cur))
    }
}
