import ArgumentParser
import CollectorService
import CommandOptions
import Faults
import Glibc
import ProgressReports

@main
struct LoraCollector: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lora-collector",
        abstract: "Receives the progress reports of training runs, prints and stores them.",
        discussion: """
            Start it in a terminal, and give the workers its address:

              lora-collector --listen 127.0.0.1:7700
              mpirun -n 2 lora-worker ... --collector 127.0.0.1:7700

            It may start later than a run, or stop before it: training goes on, and the \
            run's own metrics.jsonl has every record. Ctrl-C ends it.

            Peers are not authenticated. Listen on an address that only the cluster can reach.
            """,
        version: ProgramVersion.text)

    @Option(
        help: ArgumentHelp(
            "Where to listen. Port 0 takes a free port and prints it; 0.0.0.0 listens on all networks.",
            valueName: "HOST:PORT"))
    var listen = "127.0.0.1:7700"

    @Option(
        help: ArgumentHelp(
            "Append each record to this file, one JSON object a line.", valueName: "FILE"))
    var store = "collector.jsonl"

    func run() throws {
        // Before any thread starts, so that all inherit it and only sigwait takes the signals.
        var ending = sigset_t()
        sigemptyset(&ending)
        sigaddset(&ending, SIGINT)
        sigaddset(&ending, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &ending, nil)
        signal(SIGPIPE, SIG_IGN)
        do {
            let server = try CollectorServer(
                address: CollectorAddress(listen, flag: "--listen"), storePath: store, tell: say)
            say("listening on \(server.address), storing in \(store)")
            var received: Int32 = 0
            sigwait(&ending, &received)
            server.stop()
            say("stopped")
        } catch let fault as any Fault {
            _ = "error: \(fault)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
            throw ArgumentParser.ExitCode(fault.exitCode.rawValue)
        }
    }
}

/// Prints a line at once, also into a pipe; a reader that went away is no reason to stop.
@Sendable private func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}
