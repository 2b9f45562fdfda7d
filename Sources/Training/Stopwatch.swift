import Dispatch

/// Seconds on a clock that never jumps.
struct Stopwatch {
    private var began = DispatchTime.now().uptimeNanoseconds

    /// Seconds since the start or the last call of `lap()`.
    var seconds: Double { Double(nanoseconds) * 1e-9 }

    var nanoseconds: UInt64 { DispatchTime.now().uptimeNanoseconds - began }

    /// The same, and starts anew.
    mutating func lap() -> Double {
        let now = DispatchTime.now().uptimeNanoseconds
        defer { began = now }
        return Double(now - began) * 1e-9
    }
}
