import Foundation

/// Tells a supervisor how far the run is, in lines of its own on standard error.
///
/// A supervisor on another host does not see the run's folder; it sees what mpirun forwards. It asks
/// for these lines by ``variable`` and takes them out of what it passes on.
public final class LaunchStatus: ProgressSink {
    public static let variable = "LORA_LAUNCH_STATUS"
    public static let prefix = "@lora-launch "

    /// Names the supervisor that started this job; empty for none.
    public static var launch: String {
        ProcessInfo.processInfo.environment[launchVariable] ?? ""
    }

    public static let launchVariable = "LORA_LAUNCH_ID"

    /// - Returns: `nil` if nobody asked.
    public init?() {
        guard ProcessInfo.processInfo.environment[Self.variable] == "1" else { return nil }
    }

    public enum Event: Sendable, Equatable {
        case step(Int)
        /// A checkpoint of this step is durable.
        case durable(Int)
        /// The final record was read back and names this SHA-256 of the adapter.
        case finished(String)

        /// - Returns: `nil` if the line is something else.
        public init?(line: String) {
            guard line.hasPrefix(LaunchStatus.prefix) else { return nil }
            let words = line.dropFirst(LaunchStatus.prefix.count).split(separator: " ")
            guard words.count == 2 else { return nil }
            switch (words[0], Int(words[1])) {
            case ("step", let step?): self = .step(step)
            case ("durable", let step?): self = .durable(step)
            case ("finished", _): self = .finished(String(words[1]))
            default: return nil
            }
        }

        var line: String {
            switch self {
            case .step(let step): "step \(step)"
            case .durable(let step): "durable \(step)"
            case .finished(let digest): "finished \(digest)"
            }
        }
    }

    /// Where a view stands at the end of the screen, a line begins only after a carriage return.
    private let lineBegin =
        ProcessInfo.processInfo.environment[TerminalReporter.columnsVariable] == nil ? "" : "\r"

    public func tell(_ event: Event) {
        FileHandle.standardError.write(Data("\(lineBegin)\(Self.prefix)\(event.line)\n".utf8))
    }

    public var place: String { "the supervisor" }

    public func receive(_ record: TimedRecord) {
        switch record.record {
        case .step(let step): tell(.step(step.step))
        case .checkpoint(let checkpoint): tell(.durable(checkpoint.step))
        case .resumed(let resumed): tell(.durable(resumed.step))
        default: break
        }
    }

    public func finish(timeoutSeconds: Double) {}
}
