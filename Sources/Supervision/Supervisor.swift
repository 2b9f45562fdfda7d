import Faults
import Files
import Foundation
import ProgressReports
import Synchronization

/// Starts a job, watches it, and starts it again from its last durable checkpoint until the run is
/// finished: Open MPI ends a job when any of it dies, and whoever started it must start it again.
///
/// A run is finished when its final record is verified, whatever a job's exit code says. To be called
/// on the main thread, after ``LaunchSignals/hold()``.
public final class Supervisor {
    private let plan: LaunchPlan
    private let journal: LaunchJournal
    private let progress: RunProgress
    private let probe: HostProbe
    private var policy = RestartPolicy()
    private var health: HostHealth?
    private let said = NoticedLines()
    /// Hosts on which mpirun has counted fewer slots than ranks: there it starts as many as it counts.
    private var hostsWithoutSlots: [Hostfile.Host]?

    /// Processes of a job that has been told to end get so long before they are killed.
    private static let endSeconds = 5.0
    private static let pollSeconds = 0.2
    /// So long a job may take to end after its run is finished.
    private static let lingeringSeconds = 15.0

    public init(_ plan: LaunchPlan) {
        self.plan = plan
        journal = LaunchJournal(out: plan.out)
        progress = RunProgress(out: plan.out)
        probe = HostProbe(remoteStart: plan.remoteStart)
        health = plan.hostfile.map { HostHealth($0.hosts, restSeconds: plan.rejoinSeconds) }
    }

    /// Runs jobs until the run is finished, cannot be, or is to be stopped.
    ///
    /// - Returns: 0 with a verified final record, 75 to be started again later, or what a job said
    ///   that no other attempt changes.
    /// - Throws: ``SupervisionError``, with exit code 76 if another supervisor has the run; or
    ///   `FileError` if the run's folder cannot be made.
    public func run() throws -> Int32 {
        do throws(FileError) {
            try DurableFiles.makeFolder(plan.out)
        } catch {
            throw error.advising(elsewhere: "choose another --out")
        }
        let lock = try lock(out: plan.out)
        defer { withExtendedLifetime(lock) {} }
        noteUncountedSlots()
        while true {
            guard let end = try runJob() else { return ExitCode.tryAgain.rawValue }
            switch end {
            case .finished: return ExitCode.success.rawValue
            case .stopped: return ExitCode.tryAgain.rawValue
            case .hostsAreBack: continue
            case .failed(let code):
                guard let pause = try pauseAfterFailure(code) else { return lastCode }
                if LaunchSignals.wait(seconds: pause) != nil {
                    journal.note("stopped", "stopped while no job was running")
                    return ExitCode.tryAgain.rawValue
                }
            }
        }
    }

    /// What ``run()`` returns after ``pauseAfterFailure(_:)`` has given up.
    private var lastCode = ExitCode.tryAgain.rawValue

    private enum JobEnd {
        case finished
        case stopped
        case hostsAreBack
        case failed(Int32)
    }

    // MARK: One job

    private func runJob() throws -> JobEnd? {
        if LaunchSignals.wait(seconds: 0) != nil { return .stopped }
        let hosts = usableHosts()
        if let hosts, hosts.isEmpty {
            journal.note("no_hosts", "no host answers")
            return .failed(ExitCode.tryAgain.rawValue)
        }
        let takesWhatThereIs = hosts != nil && hosts == hostsWithoutSlots
        let command = plan.command(on: hosts, takesWhatThereIs: takesWhatThereIs)
        let names = hosts.map { " on " + $0.map(\.name).joined(separator: ", ") } ?? ""
        let from = progress.durableStep.map { ", from step \($0)" } ?? ""
        let ranks = takesWhatThereIs ? "a rank a core" : "\(plan.ranks(on: hosts))"
        let wanted =
            takesWhatThereIs || plan.ranks(on: hosts) < plan.ranks
            ? ", \(ranks) in place of \(plan.ranks) ranks" : ""
        journal.note("started", "starting the job\(names)\(wanted)\(from)")
        said.clear()
        // On one machine nobody needs to be blamed, and ranks find their terminal.
        var onLine: (@Sendable (String) -> Void)?
        if plan.hostfile != nil {
            onLine = { [said, progress] line in
                said.take(line)
                if let event = LaunchStatus.Event(line: line) { progress.take(event) }
            }
        }
        let job = try JobProcess(command, onLine: onLine)
        let began = Self.seconds
        let end = watch(job)
        if case .failed(let code) = end {
            journal.note(
                "failed", "the job ended with code \(code) after \(Int(Self.seconds - began)) s",
                ["exit_code": Int(code)])
            accuse()
            if said.slotsAreMissing { return .failed(codeForMissingSlots(on: hosts)) }
        }
        return end
    }

    /// mpirun has started nothing, because it counts fewer slots than ranks.
    ///
    /// - Returns: The exit code to judge by.
    private func codeForMissingSlots(on hosts: [Hostfile.Host]?) -> Int32 {
        let names = (hosts ?? []).map(\.name).joined(separator: ", ")
        let leftOut = health?.leftOut ?? []
        guard !leftOut.isEmpty, hosts?.slots == nil, hosts != hostsWithoutSlots else {
            journal.note(
                "slots_missing",
                "mpirun counts fewer slots than \(plan.ranks) on \(names): ask for fewer ranks, or give "
                    + "the hosts slots= in the hostfile")
            return ExitCode.badInput.rawValue
        }
        journal.note(
            "slots_missing",
            "mpirun counts fewer slots than \(plan.ranks) on \(names), without "
                + leftOut.joined(separator: ", "))
        hostsWithoutSlots = hosts
        return ExitCode.tryAgain.rawValue
    }

    private func noteUncountedSlots() {
        let names = (plan.hostfile?.hosts ?? []).filter { $0.slots == nil }.map(\.name)
        guard !names.isEmpty else { return }
        journal.note(
            "slots_by_cores",
            "no slots= for \(names.joined(separator: ", ")): mpirun counts cores, and fills a host "
                + "before the next")
    }

    /// Follows a job to its end.
    private func watch(_ job: JobProcess) -> JobEnd {
        var stall = StallWatch(
            fixedSeconds: plan.stallTimeoutSeconds, sign: progress.sign, nowSeconds: Self.seconds)
        var nextProbe = Self.seconds + plan.rejoinSeconds
        var isNoticed = false
        // An earlier end may stand there, of a run that goes on.
        let earlierClaim = progress.claim
        var finishedAt: Double?
        while true {
            // mpirun says what died some seconds before it has ended all the rest.
            if !isNoticed, let line = said.blaming.first {
                isNoticed = true
                journal.note("noticed", "mpirun: \(line.trimmingCharacters(in: .whitespaces))")
            }
            if let code = job.exitCode() { return judge(code) }
            if let signal = LaunchSignals.wait(seconds: Self.pollSeconds) {
                journal.note("stopping", "signal \(signal): the ranks save and stop")
                return stop(job) == 0 && progress.isFinished ? finished() : stopped()
            }
            // A part of the job that is stopped keeps mpirun from ending.
            if finishedAt == nil, progress.claim != earlierClaim { finishedAt = Self.seconds }
            if let since = finishedAt, Self.seconds - since > Self.lingeringSeconds,
                progress.isFinished
            {
                journal.note("lingering", "the run is finished, its job is not: ending it")
                job.end(graceSeconds: Self.endSeconds)
                return finished()
            }
            if let quiet = stall.stalledSeconds(sign: progress.sign, nowSeconds: Self.seconds) {
                journal.note("stalled", "no progress for \(Int(quiet)) s: ending the job")
                job.end(graceSeconds: Self.endSeconds)
                return .failed(ExitCode.tryAgain.rawValue)
            }
            if let before = health?.usable.count, health?.leftOut.isEmpty == false,
                Self.seconds >= nextProbe
            {
                nextProbe = Self.seconds + plan.rejoinSeconds
                if let now = usableHosts()?.count, now > before {
                    journal.note("rejoining", "hosts are back: the ranks save and start again")
                    return stop(job) == 0 && progress.isFinished ? finished() : .hostsAreBack
                }
            }
        }
    }

    private func judge(_ code: Int32) -> JobEnd {
        guard code == 0 else { return .failed(code) }
        guard progress.isFinished else {
            journal.note("unverified", "the job reports success without a verified final record")
            return .failed(ExitCode.internalError.rawValue)
        }
        return finished()
    }

    private func finished() -> JobEnd {
        journal.note("finished", "finished: the final record is verified")
        return .finished
    }

    private func stopped() -> JobEnd {
        let step = progress.durableStep.map { "step \($0) is durable" } ?? "nothing was saved yet"
        journal.note("stopped", "stopped; \(step); the same command continues")
        return .stopped
    }

    /// Asks the ranks to save, and ends what does not.
    ///
    /// - Returns: The job's exit code.
    private func stop(_ job: JobProcess) -> Int32? {
        let deadline = Self.seconds + plan.graceSeconds
        var nextSignal = Self.seconds
        while job.exitCode() == nil, Self.seconds < deadline {
            // Again and again: mpirun passes nothing on to ranks that it has yet to start.
            if Self.seconds >= nextSignal {
                job.signal(SIGUSR1)
                nextSignal = Self.seconds + 1
            }
            if LaunchSignals.wait(seconds: Self.pollSeconds) == SIGINT {
                journal.note("interrupted", "asked a second time: ending the job at once")
                break
            }
        }
        if job.exitCode() == nil {
            journal.note("killed", "the ranks have not stopped: ending them")
            job.end(graceSeconds: Self.endSeconds)
        }
        return job.exitCode()
    }

    // MARK: Between jobs

    /// - Returns: Seconds to wait before the next job, or `nil` to give up.
    private func pauseAfterFailure(_ code: Int32) throws -> Double? {
        let step = progress.durableStep
        switch policy.judge(exitCode: code, durableStep: step) {
        case .leave(let code):
            journal.note("left", "another attempt would end the same way (exit code \(code))")
            lastCode = code
            return nil
        case .giveUp:
            journal.note(
                "gave_up",
                "giving up: \(policy.failuresWithoutProgress) jobs have failed "
                    + "\(step.map { "since step \($0)" } ?? "before the first checkpoint"); the last "
                    + "ended with code \(code)")
            lastCode = ExitCode.tryAgain.rawValue
            return nil
        case .restart(let pause):
            journal.note("waiting", "starting again in \(Int(pause)) s")
            return pause
        }
    }

    private func usableHosts() -> [Hostfile.Host]? {
        guard let hosts = plan.hostfile?.hosts, health != nil else { return nil }
        let before = health?.leftOut ?? []
        health?.answered(probe.answering(hosts), atSeconds: Self.seconds)
        let leftOut = health?.leftOut ?? []
        for name in leftOut where !before.contains(name) {
            journal.note("left_out", "\(name) is left out: it does not answer or failed twice")
        }
        for name in before where !leftOut.contains(name) {
            journal.note("back", "\(name) is used again")
        }
        return health?.usable
    }

    private func accuse() {
        let names = Set(said.blaming.flatMap { health?.blamed(by: $0) ?? [] })
        for name in names.sorted() {
            journal.note("blamed", "\(name) failed")
            health?.failed(name, atSeconds: Self.seconds)
        }
    }

    /// Monotonic: no decision depends on the wall clock.
    private static var seconds: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }
}

/// One supervisor a run.
private func lock(out: String) throws -> FileLock {
    let path = out + "/.launch-lock"
    guard let lock = try FileLock(path: path) else {
        throw SupervisionError(
            path, "another supervisor has this run: \(FileLock.holder(of: path) ?? "")",
            hint: "Stop it first (SIGTERM saves), or give another --out", exitCode: .fencedOut)
    }
    lock.name("process \(getpid()) on \(ProcessInfo.processInfo.hostName)")
    return lock
}
