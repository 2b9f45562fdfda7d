public import Foundation
public import Supervision

/// Asks all hosts at once, by running this program on each.
public struct HostSurvey {
    /// What one host answered, and between which times of this machine's clock.
    public struct Answer: Sendable {
        public let host: Hostfile.Host
        public let report: Result<HostReport, HostFailure>
        public let askedUnixSeconds: Double
        public let answeredUnixSeconds: Double

        public init(
            host: Hostfile.Host, report: Result<HostReport, HostFailure>,
            askedUnixSeconds: Double, answeredUnixSeconds: Double
        ) {
            self.host = host
            self.report = report
            self.askedUnixSeconds = askedUnixSeconds
            self.answeredUnixSeconds = answeredUnixSeconds
        }
    }

    /// A host that gave no report.
    public struct HostFailure: Error, Sendable {
        /// Its last words.
        public let text: String
        /// Whether a command could be run there at all.
        public let isReached: Bool

        public init(text: String, isReached: Bool) {
            self.text = text
            self.isReached = isReached
        }
    }

    private let remoteStart: RemoteStart
    private let program: String

    /// - Parameters:
    ///   - remoteStart: How a command gets there.
    ///   - program: Path of `lora`, the same everywhere.
    public init(remoteStart: RemoteStart, program: String) {
        self.remoteStart = remoteStart
        self.program = program
    }

    /// - Parameter progress: Told now and then how many have answered.
    /// - Returns: In the order of `hosts`.
    public func ask(
        _ hosts: [Hostfile.Host], _ question: HostQuestion, timeoutSeconds: Double,
        progress: (_ done: Int) -> Void
    ) throws -> [Answer] {
        let text = String(decoding: try JSONEncoder().encode(question), as: UTF8.self)
        let box = AnswerBox(count: hosts.count)
        let group = DispatchGroup()
        for (index, host) in hosts.enumerated() {
            let command = remoteStart.command(
                [program, "doctor", "--host-report", text], on: host.name)
            let probe = remoteStart.command(["true"], on: host.name)
            group.enter()
            Thread.detachNewThread {
                let asked = Date().timeIntervalSince1970
                let output = CommandOutput(command, timeoutSeconds: timeoutSeconds)
                let answered = Date().timeIntervalSince1970
                var report: Result<HostReport, HostFailure>
                if let found = try? JSONDecoder().decode(HostReport.self, from: output.bytes) {
                    report = .success(found)
                } else {
                    let isReached = CommandOutput(probe, timeoutSeconds: 10).code == 0
                    report = .failure(HostFailure(text: output.lastWords, isReached: isReached))
                }
                box.put(
                    Answer(
                        host: host, report: report, askedUnixSeconds: asked,
                        answeredUnixSeconds: answered), at: index)
                group.leave()
            }
        }
        repeat { progress(box.all.count) } while group.wait(timeout: .now() + 0.2) == .timedOut
        return box.all
    }
}

/// Answers as they come.
private final class AnswerBox: @unchecked Sendable {
    private let lock = NSLock()
    private var answers: [HostSurvey.Answer?]

    init(count: Int) { answers = Array(repeating: nil, count: count) }

    func put(_ answer: HostSurvey.Answer, at index: Int) {
        lock.withLock { answers[index] = answer }
    }

    var all: [HostSurvey.Answer] { lock.withLock { answers.compactMap { $0 } } }
}

/// A command that was run to its end, or to the end of patience.
public struct CommandOutput {
    /// Its standard output.
    public let bytes: Data
    /// -1 if it could not be started or did not end.
    public let code: Int32
    /// The end of its standard error, on one line.
    public let lastWords: String

    public init(_ command: [String], timeoutSeconds: Double) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        do { try process.run() } catch {
            (bytes, code, lastWords) = (Data(), -1, "\(command[0]) cannot be started")
            return
        }
        let guardian = DispatchWorkItem { process.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + timeoutSeconds, execute: guardian)
        let words = WordsBox()
        let done = DispatchGroup()
        done.enter()
        Thread.detachNewThread {
            words.text = String(
                decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            done.leave()
        }
        bytes = output.fileHandleForReading.readDataToEndOfFile()
        done.wait()
        process.waitUntilExit()
        guardian.cancel()
        code = process.terminationReason == .uncaughtSignal ? -1 : process.terminationStatus
        let lines = words.text.split(whereSeparator: \.isNewline)
            .filter { !$0.allSatisfy { "- ".contains($0) } }
        lastWords = lines.suffix(3).joined(separator: " / ")
    }

    private final class WordsBox: @unchecked Sendable {
        /// Written by one thread, read after it has ended.
        var text = ""
    }
}
