import Files
public import Glibc
import JSON
import Synchronization
import Words

/// Tells the person at rank 0's terminal.
///
/// On a terminal the last lines are a ``LiveView``, and other records are lines above it; anywhere else (a
/// file, a batch system's log) every record is one plain line.
public final class TerminalReporter: ProgressSink {
    public enum Style: Sendable, Equatable {
        case plain
        /// Every record a line of JSON, with its run and sequence.
        case json
        /// A view of at most `columns` characters a line; colours for warnings and failures.
        case live(columns: Int, colours: Bool, isUnicode: Bool)
    }

    private let descriptor: Int32
    private let totalSteps: Int
    private let chosenStyle: Style?
    private let state: Mutex<State>

    private struct State {
        var view: LiveView
        /// The lines that are on the screen.
        var shown: [String] = []
        var lastDrawing = ContinuousClock.now - .seconds(1)
        /// The view has news that were not drawn, to spare a slow terminal.
        var isStale = false
    }

    private static let shortestPause = Duration.milliseconds(100)

    /// - Parameters:
    ///   - descriptor: Where to write; not closed.
    ///   - totalSteps: Of the whole run.
    ///   - style: `nil` to look: whether it is a terminal, how wide (again for each record, as windows
    ///     change), whether `NO_COLOR` is set, and whether the locale is one of UTF-8.
    public init(descriptor: Int32 = STDERR_FILENO, totalSteps: Int, style: Style? = nil) {
        self.descriptor = descriptor
        self.totalSteps = totalSteps
        chosenStyle = style
        state = Mutex(State(view: LiveView(totalSteps: totalSteps)))
    }

    public var place: String { "the terminal" }

    public func receive(_ record: TimedRecord) { receive(contentsOf: [record]) }

    public func receive(contentsOf records: [TimedRecord]) {
        state.withLock { state in
            for record in records {
                state.view.take(record.record)
                switch chosenStyle ?? Self.style(of: descriptor) {
                case .plain:
                    writeAll(record.sentence(totalSteps: totalSteps) + "\n", to: descriptor)
                case .json: writeAll(record.jsonLineWithSender + "\n", to: descriptor)
                case .live(let columns, let colours, let isUnicode):
                    let lines = state.view.lines(columns: columns, isUnicode: isUnicode)
                    draw(record, lines, colours: colours, &state)
                }
            }
        }
    }

    /// Tells of trouble with the reports themselves, which is no record of the run.
    @Sendable public func tell(_ text: String) {
        state.withLock { state in
            switch chosenStyle ?? Self.style(of: descriptor) {
            case .plain: writeAll("warning: \(text.printable)\n", to: descriptor)
            case .json:
                let object: JSONObject = [
                    "kind": "trouble", "message": .text(text),
                    "time": .number(Double(unixTimeNanoseconds()) / 1e9),
                ]
                writeAll(object.line + "\n", to: descriptor)
            case .live(let columns, _, let isUnicode):
                let lines = state.view.lines(columns: columns, isUnicode: isUnicode)
                draw("warning: \(text.printable)\n", lines, &state)
            }
        }
    }

    public func finish(timeoutSeconds: Double) {
        state.withLock { state in
            if state.isStale,
                case .live(let columns, _, let isUnicode) = chosenStyle
                    ?? Self.style(of: descriptor)
            {
                draw("", state.view.lines(columns: columns, isUnicode: isUnicode), &state)
            }
            if !state.shown.isEmpty { writeAll("\n", to: descriptor) }
            state.shown = []
        }
    }

    private func draw(
        _ record: TimedRecord, _ lines: [String], colours: Bool, _ state: inout State
    ) {
        if case .step = record.record {
            state.isStale = .now - state.lastDrawing < Self.shortestPause
            if !state.isStale { draw("", lines, &state) }
            return
        }
        let line = record.sentence(totalSteps: totalSteps)
        let colour =
            switch record.record {
            case .warning where colours: "\u{1B}[33m"
            case .failed where colours: "\u{1B}[31m"
            default: ""
            }
        draw(colour + line + (colour.isEmpty ? "" : "\u{1B}[0m") + "\n", lines, &state)
    }

    /// Takes the view off the screen, writes `above`, and the view again below it.
    private func draw(_ above: String, _ lines: [String], _ state: inout State) {
        let up = state.shown.count > 1 ? "\u{1B}[\(state.shown.count - 1)A" : ""
        let clear = state.shown.isEmpty ? "" : "\r\(up)\u{1B}[J"
        writeAll(clear + above + lines.joined(separator: "\n"), to: descriptor)
        state.shown = lines
        state.lastDrawing = .now
        state.isStale = false
    }

    // MARK: What is there

    /// A supervisor that passes on what it reads tells by this how wide its terminal is.
    public static let columnsVariable = "LORA_TERMINAL_COLUMNS"

    private static func style(of descriptor: Int32) -> Style {
        guard let columns = liveColumns(of: descriptor) ?? launcherColumns() else { return .plain }
        let locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG") ?? ""
        let encoding = locale.lowercased()
        return .live(
            columns: columns, colours: environment("NO_COLOR") == nil,
            isUnicode: encoding.contains("utf-8") || encoding.contains("utf8"))
    }

    /// `nil` where it is not set, or empty.
    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Width of the terminal behind a descriptor; `nil` where it is none, or one that moves no cursor.
    public static func liveColumns(of descriptor: Int32) -> Int? {
        guard isatty(descriptor) == 1, environment("TERM") != "dumb" else { return nil }
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
        guard environment("OMPI_COMM_WORLD_RANK") != nil else { return nil }
        if let told = environment(columnsVariable).flatMap({ Int($0) }) { return told }
        let terminal = open("/proc/\(getppid())/fd/2", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        return liveColumns(of: terminal)
    }
}
