import Foundation
import Synchronization

/// Watches the memory of this process while something is done.
///
/// The kernel keeps the peak of all resident pages, but not that of the pages which are no file's.
enum PeakMemory {
    private final class Watch: Sendable {
        let peak = Mutex<Int?>(0)
        let ended = DispatchSemaphore(value: 0)
    }

    private static let pauseMicroseconds: UInt32 = 1000

    /// Does `body`, and says how many bytes were anonymous at most, at the moments looked at.
    static func anonymous<Value>(during body: () throws -> Value) throws -> (Value, Int) {
        let watch = Watch()
        let thread = Thread {
            while true {
                let now = ProcessMemory.now()?.anonymous ?? 0
                let goesOn = watch.peak.withLock { peak in
                    peak = peak.map { max($0, now) }
                    return peak != nil
                }
                guard goesOn else { break }
                usleep(pauseMicroseconds)
            }
            watch.ended.signal()
        }
        thread.stackSize = 256 << 10
        thread.start()
        func stop() -> Int {
            let peak = watch.peak.withLock { peak in
                defer { peak = nil }
                return peak ?? 0
            }
            watch.ended.wait()
            return peak
        }
        let value: Value
        do {
            value = try body()
        } catch {
            _ = stop()
            throw error
        }
        return (value, max(stop(), ProcessMemory.now()?.anonymous ?? 0))
    }
}
