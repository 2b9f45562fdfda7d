public import Glibc
import Synchronization

/// Tells the person at rank 0's terminal.
///
/// On a terminal the last line is a progress bar, and other records are lines above it; anywhere
/// else (a file, a batch system's log) every record is one plain line.
public final class TerminalReporter: ProgressSink {
    public enum Style: Sendable, Equatable {
        case plain
        /// A bar that is at most `columns` wide; colours for warnings and failures.
        case progressBar(columns: Int, colours: Bool)
    }

    private let descriptor: Int32
    private let totalSteps: Int
    private let chosenStyle: Style?
    private let state = Mutex(State())

    private struct State {
        /// The bar that is on the screen, if any.
        var bar = ""
    }

    /// - Parameters:
    ///   - descriptor: Where to write; not closed.
    ///   - totalSteps: Of the whole run.
    ///   - style: nil to look: whether it is a terminal, how wide (again for each line, as windows
    ///     change), and whether `NO_COLOR` is set.
    public init(descriptor: Int32 = STDERR_FILENO, totalSteps: Int, style: Style? = nil) {
        self.descriptor = descriptor
        self.totalSteps = totalSteps
        chosenStyle = style
    }

    public func receive(_ record: TimedRecord) {
        state.withLock { state in
            switch chosenStyle ?? Self.style(of: descriptor) {
            case .plain:
                writeAll(record.sentence(totalSteps: totalSteps) + "\n", to: descriptor)
            case .progressBar(let columns, let colours):
                draw(record, columns: columns, colours: colours, &state)
            }
        }
    }

    public func finish(timeoutSeconds: Double) {
        state.withLock { state in
            if !state.bar.isEmpty { writeAll("\n", to: descriptor) }
            state.bar = ""
        }
    }

    private static func style(of descriptor: Int32) -> Style {
        if let kind = getenv("TERM"), String(cString: kind) == "dumb" { return .plain }
        guard let columns = isatty(descriptor) == 1 ? columns(of: descriptor) : launcherColumns()
        else { return .plain }
        let noColour = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        return .progressBar(columns: columns, colours: !noColour)
    }

    private static func columns(of descriptor: Int32) -> Int {
        var window = winsize()
        let known = ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0 && window.ws_col > 0
        return known ? Int(window.ws_col) : 80
    }

    /// Width of the terminal that `mpirun` writes to, if it does.
    ///
    /// A rank's own descriptors say nothing: Open MPI gives every rank a pseudo-terminal as standard
    /// output and a pipe as standard error, and forwards both. On the launching host its parent is
    /// `mpirun`, whose standard error is where the person looks.
    private static func launcherColumns() -> Int? {
        guard getenv("OMPI_COMM_WORLD_RANK") != nil else { return nil }
        let terminal = open("/proc/\(getppid())/fd/2", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        return isatty(terminal) == 1 ? columns(of: terminal) : nil
    }

    private func draw(
        _ record: TimedRecord, columns: Int, colours: Bool, _ state: inout State
    ) {
        let clear = state.bar.isEmpty ? "" : "\r\u{1B}[K"
        if case .step(let step) = record.record {
            state.bar = bar(for: step, columns: columns, secondsLeft: step.details.secondsLeft)
            writeAll(clear + state.bar, to: descriptor)
            return
        }
        var line = record.sentence(totalSteps: totalSteps)
        if colours {
            switch record.record {
            case .warning: line = "\u{1B}[33m\(line)\u{1B}[0m"
            case .failed: line = "\u{1B}[31m\(line)\u{1B}[0m"
            default: break
            }
        }
        writeAll(clear + line + "\n" + state.bar, to: descriptor)
    }

    /// `[#####.....] 12/400  loss 2.3141  431 tokens/s  3 min 20 s left`, never wider than the
    /// window: a line that wraps cannot be cleared.
    private func bar(
        for step: ProgressRecord.Step, columns: Int, secondsLeft: Double?
    ) -> String {
        var text =
            " \(step.step)/\(totalSteps)  loss \(decimal(step.loss, places: 4))  "
            + "\(decimal(step.tokensPerSecond, places: 0)) tokens/s"
        if let secondsLeft { text += "  \(duration(seconds: secondsLeft)) left" }
        let cells = min(40, columns - 1 - text.count - 2)
        guard cells >= 5 else { return String(text.dropFirst().prefix(max(0, columns - 1))) }
        let share = Double(min(step.step, totalSteps)) / Double(max(1, totalSteps))
        let full = Int(Double(cells) * max(0, share))
        return "[" + String(repeating: "#", count: full)
            + String(repeating: ".", count: cells - full) + "]" + text
    }
}
