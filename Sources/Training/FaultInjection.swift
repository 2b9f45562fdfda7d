import Foundation
public import RunSettings
import Tensors

/// A fault that tests ask for: `LORA_INJECT_FAULT=KIND:RANK:STEP`, as `nan-once:1:7`.
///
/// `nan` and `huge` spoil a number of the gradient of that rank's first slice in that step, each time
/// that it is computed; with `-once` only the first time, as a passing fault of a machine would, and with
/// `-often` every other time.
/// `flip` turns over a bit of that rank's replica of the adapter after that step. `stop` and `kill`
/// send that rank's process SIGSTOP or SIGKILL when it comes to that step; before it is stopped it
/// says so on standard error, with its process number. With `-once`, jobs that go on from a checkpoint
/// are left alone.
public struct FaultInjection: Sendable {
    private enum Kind: String { case nan, huge, flip, stop, kill }

    /// In which computations of a step's slices the fault appears.
    private enum Recurrence: String { case once, often, always }

    private let kind: Kind
    private let recurrence: Recurrence
    private let workerRank: Int
    private let step: Int

    static let variable = "LORA_INJECT_FAULT"

    /// - Returns: `nil` if none is asked for.
    /// - Throws: ``ConfigurationError`` if the variable cannot be understood.
    init?(environment: [String: String] = ProcessInfo.processInfo.environment)
        throws(ConfigurationError)
    {
        guard let text = environment[Self.variable], !text.isEmpty else { return nil }
        try self.init(text)
    }

    /// - Parameter text: `KIND:RANK:STEP`.
    /// - Throws: ``ConfigurationError`` if it cannot be understood.
    public init(_ text: String) throws(ConfigurationError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let names = (parts.first ?? "").split(separator: "-", maxSplits: 1).map(String.init)
        guard parts.count == 3, let kind = names.first.flatMap(Kind.init),
            let recurrence = Recurrence(rawValue: names.dropFirst().first ?? "always"),
            let workerRank = Int(parts[1]), let step = Int(parts[2])
        else {
            throw ConfigurationError(
                Self.variable,
                "is '\(text)'; it must be nan, huge, flip, stop or kill, perhaps "
                    + "with -once, a rank and a step, as nan-once:1:7",
                hint: "Unset it: it is meant for tests")
        }
        self.kind = kind
        self.recurrence = recurrence
        (self.workerRank, self.step) = (workerRank, step)
    }

    /// The faults of a job; `nil` if it has none.
    ///
    /// - Parameter resumes: Whether it goes on from a checkpoint.
    func ofJob(resumes: Bool) -> FaultInjection? {
        resumes && recurrence == .once && (kind == .stop || kind == .kill) ? nil : self
    }

    /// Stops or kills this process before a step.
    func interrupt(workerRank: Int, step: Int) {
        guard workerRank == self.workerRank, step == self.step else { return }
        switch kind {
        case .kill: kill(getpid(), SIGKILL)
        case .stop:
            let line = "\(Self.variable): process \(getpid()) stops before step \(step)\n"
            FileHandle.standardError.write(Data(line.utf8))
            kill(getpid(), SIGSTOP)
        case .nan, .huge, .flip: break
        }
    }

    private func appears(_ attempt: Int) -> Bool {
        switch recurrence {
        case .once: attempt == 0
        case .often: attempt.isMultiple(of: 2)
        case .always: true
        }
    }

    /// - Parameter attempt: How often the step was computed before.
    func spoil(_ gradient: FloatBuffer, workerRank: Int, step: Int, attempt: Int) {
        guard kind == .nan || kind == .huge, workerRank == self.workerRank, step == self.step,
            appears(attempt),
            let element = (0..<gradient.count).first(where: { gradient.pointer[$0] != 0 })
        else { return }
        gradient.pointer[element] = kind == .nan ? .nan : 0x1p60
    }

    /// Damages the replica of a rank, as a fault of its memory would.
    func spoil(replica: FloatBuffer, workerRank: Int, step: Int) {
        guard kind == .flip, workerRank == self.workerRank, step == self.step else { return }
        replica.pointer[0] = Float(bitPattern: replica.pointer[0].bitPattern ^ 1)
    }
}
