import Foundation
import Synchronization

/// Says on standard error how far tokenization is, once it has taken more than two seconds: on a
/// terminal a bar that is drawn again, elsewhere a line every ten seconds.
final class TokenizationNotice: Sendable {
    private struct State {
        var lastSeconds = 0.0
        var isDrawn = false
    }

    private let path: String
    private let watch = Stopwatch()
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State())

    private static let quietSeconds = 2.0
    private static let cells = 30

    init(path: String) { self.path = path }

    /// - Parameters:
    ///   - done: Bytes of the file that were read.
    ///   - total: All of them.
    func update(_ done: Int, of total: Int) {
        let seconds = watch.seconds
        let pause = isTerminal ? 0.1 : 10.0
        state.withLock { state in
            guard seconds > Self.quietSeconds,
                !state.isDrawn || seconds - state.lastSeconds >= pause
            else { return }
            state.lastSeconds = seconds
            state.isDrawn = true
            let speed = Double(done) / seconds / 1e6
            let left = Int((seconds / Double(max(1, done)) * Double(total - done)).rounded())
            let text =
                "tokenizing \(path): \(done >> 20) of \(total >> 20) MiB, "
                + "\((speed * 10).rounded() / 10) MB/s, about \(left) s left"
            guard isTerminal else { return write(text + "\n") }
            let full = Self.cells * done / max(1, total)
            let bar =
                String(repeating: "#", count: full)
                + String(repeating: ".", count: Self.cells - full)
            write("\r\u{1B}[K[\(bar)] \(text)")
        }
    }

    /// Prints a line of words for a person who waits.
    func say(_ text: String) {
        finish()
        write(text + "\n")
    }

    /// Clears the bar.
    func finish() {
        state.withLock { state in
            if isTerminal && state.isDrawn { write("\r\u{1B}[K") }
            state.isDrawn = false
        }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
