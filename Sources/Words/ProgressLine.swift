import Foundation
import Synchronization

/// Says on standard error how far a long job is, once it has taken more than two seconds.
///
/// On a terminal one bar that is drawn again; anywhere else a plain line every ten seconds.
public final class ProgressLine: Sendable {
    /// Words for what is done, from what is done, all there is, and the seconds that it took.
    public typealias Words = @Sendable (_ done: Int, _ total: Int, _ seconds: Double) -> String

    private struct State {
        var lastSeconds = 0.0
        var isDrawn = false
    }

    private let words: Words
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let began = ContinuousClock.now
    private let state = Mutex(State())

    private static let quietSeconds = 2.0
    private static let secondsBetweenBars = 0.1
    private static let secondsBetweenLines = 10.0
    private static let cells = 30

    public init(_ words: @escaping Words) { self.words = words }

    /// - Parameters:
    ///   - label: What is being done.
    ///   - unit: What is counted, in the plural.
    public convenience init(_ label: String, unit: String) {
        self.init { done, total, _ in "\(label): \(done) of \(total) \(unit)" }
    }

    public func update(_ done: Int, of total: Int) {
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        let pause = isTerminal ? Self.secondsBetweenBars : Self.secondsBetweenLines
        state.withLock { state in
            guard seconds > Self.quietSeconds,
                !state.isDrawn || seconds - state.lastSeconds >= pause
            else { return }
            state.lastSeconds = seconds
            state.isDrawn = true
            let left = Int((seconds / Double(max(1, done)) * Double(total - done)).rounded())
            let text = "\(words(done, total, seconds)), about \(left) s left"
            guard isTerminal else { return write(text + "\n") }
            let share = Double(done) / Double(max(1, total))
            write("\r\u{1B}[K\(progressBar(share, cells: Self.cells)) \(text)")
        }
    }

    /// Prints a line of words for a person who waits.
    public func say(_ text: String) {
        finish()
        write(text + "\n")
    }

    /// Clears the bar, so that what follows begins on an empty line.
    public func finish() {
        state.withLock { state in
            if isTerminal && state.isDrawn { write("\r\u{1B}[K") }
            state.isDrawn = false
        }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// `[####......]`, of which `share` (0 to 1) is done.
public func progressBar(_ share: Double, cells: Int) -> String {
    let full = Int(Double(cells) * min(1, max(0, share)))
    return "[" + String(repeating: "#", count: full) + String(repeating: ".", count: cells - full)
        + "]"
}
