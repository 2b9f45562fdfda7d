import Dispatch
import Foundation

/// Says on standard error how far a command is, once it has taken more than two seconds.
///
/// On a terminal one bar that is drawn again; anywhere else a plain line every ten seconds.
final class ProgressLine {
    private let label: String
    private let unit: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let began = DispatchTime.now().uptimeNanoseconds
    private var lastSeconds = 0.0
    private var isDrawn = false

    private static let quietSeconds = 2.0
    private static let secondsBetweenBars = 0.1
    private static let secondsBetweenLines = 10.0
    private static let cells = 30

    /// - Parameters:
    ///   - label: What is being done.
    ///   - unit: What is counted, in the plural.
    init(_ label: String, unit: String) {
        self.label = label
        self.unit = unit
    }

    func update(_ done: Int, of total: Int) {
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - began) * 1e-9
        let pause = isTerminal ? Self.secondsBetweenBars : Self.secondsBetweenLines
        guard seconds > Self.quietSeconds, !isDrawn || seconds - lastSeconds >= pause else {
            return
        }
        lastSeconds = seconds
        isDrawn = true
        let left = Int((seconds / Double(max(1, done)) * Double(total - done)).rounded())
        let text = "\(label): \(done) of \(total) \(unit), about \(left) s left"
        guard isTerminal else { return write(text + "\n") }
        let full = Self.cells * done / max(1, total)
        let bar =
            String(repeating: "#", count: full)
            + String(repeating: ".", count: Self.cells - full)
        write("\r\u{1B}[K[\(bar)] \(text)")
    }

    /// Clears the bar, so that what follows begins on an empty line.
    func finish() {
        if isTerminal && isDrawn { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
