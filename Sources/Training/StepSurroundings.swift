import Dispatch
import Glibc

/// What a step asks of the process that it runs in. It is handed in, so that tests answer for it.
public struct StepSurroundings {
    /// Whether somebody has asked the run to save and stop. Lanes ask between slices.
    public var isStopRequested: @Sendable () -> Bool = { false }
    /// A clock that never jumps, in nanoseconds.
    public var nanoseconds: @Sendable () -> UInt64 = { DispatchTime.now().uptimeNanoseconds }
    /// The most memory of this process that was resident, mapped weights included.
    public var peakMemoryBytes: @Sendable () -> Int = Self.residentPeak
    /// A fault that tests ask for.
    public var injection: FaultInjection?
    /// Takes a warning about a step.
    public var warn: (_ step: Int, _ message: String) -> Void = { _, _ in }
    /// What is going on around the run's files, asked at the end of a step.
    var upkeep: () -> RunUpkeep = { RunUpkeep() }

    /// This process's clock and memory; nobody stops it, nobody is warned.
    public init() {}

    /// Seconds since `mark`, which moves to now.
    func lap(_ mark: inout UInt64) -> Double {
        let now = nanoseconds()
        defer { mark = now }
        return Double(now - mark) * 1e-9
    }

    private static func residentPeak() -> Int {
        var usage = rusage()
        return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0
            ? usage.ru_maxrss * 1024 : 0
    }
}
