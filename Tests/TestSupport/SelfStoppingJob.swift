public import Foundation

/// A job one of whose ranks stops its own process (SIGSTOP) when it comes to a step: the program
/// chooses the moment, however fast or slow the machine is.
public struct SelfStoppingJob {
    public let process: Process
    /// The rank's process, stopped.
    public let stopped: Int32
    private let scratch: String

    /// Starts a job and waits until the rank has stopped.
    ///
    /// - Parameters:
    ///   - program: As for ``Programs/start(_:_:scratch:)``.
    ///   - rank: The one that stops.
    ///   - step: The steps before it are done.
    ///   - once: Whether jobs that go on from a checkpoint do not stop.
    ///   - scratch: A folder for the job's output, made if it is not there.
    /// - Throws: ``WaitedInVain`` if the job ends before that.
    public init(
        _ program: String, _ arguments: [String], rank: Int, step: Int, once: Bool = false,
        scratch: String
    ) throws {
        try FileManager.default.createDirectory(
            atPath: scratch, withIntermediateDirectories: true)
        self.scratch = scratch
        let process = try Programs.start(
            "env",
            ["LORA_INJECT_FAULT=stop\(once ? "-once" : ""):\(rank):\(step)", program] + arguments,
            scratch: scratch)
        self.process = process
        let words = "LORA_INJECT_FAULT: process "
        stopped = try waitFor("the stop of rank \(rank)") {
            let text = (try? String(contentsOfFile: scratch + "/errors", encoding: .utf8)) ?? ""
            if let range = text.range(of: words),
                let number = text[range.upperBound...].split(separator: " ").first,
                let stopped = Int32(number), "Tt".contains(Self.state(of: stopped) ?? " ")
            {
                return stopped
            }
            guard process.isRunning else {
                throw WaitedInVain(description: "the job ended before its stop: \(text)")
            }
            return nil
        }
    }

    /// Sends the stopped process a signal.
    public func send(_ signal: Int32) { kill(stopped, signal) }

    /// Waits for the end of the job.
    public func outcome() throws -> Programs.Outcome {
        process.waitUntilExit()
        return try Programs.outcome(of: process, scratch: scratch)
    }

    /// `T` of a stopped process, `t` of one under strace, `Z` of a dead one; `nil` of none.
    public static func state(of process: Int32) -> Character? {
        let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The name in parentheses may hold anything.
        return text.flatMap { text in
            text.lastIndex(of: ")").flatMap { text[$0...].dropFirst(2).first }
        }
    }
}

extension Programs {
    /// `mpirun -n ranks lora-worker arguments`, one of whose ranks kills its own process (SIGKILL)
    /// when it comes to a step.
    public static func mpirun(
        ranks: Int, killingRank rank: Int, atStep step: Int, _ arguments: [String]
    ) throws -> Outcome {
        try run(
            "env",
            ["LORA_INJECT_FAULT=kill:\(rank):\(step)", "mpirun"]
                + mpirunArguments(ranks: ranks, arguments))
    }
}
