import Foundation
import ProgressReports
import Synchronization
import Training

/// How far a run is: by its files, where this host sees them, and by what its coordinator says.
final class RunProgress: Sendable {
    let out: String
    private let said = Mutex(Said())

    private struct Said {
        var lines = 0
        var durableStep: Int?
        var isFinished = false
    }

    init(out: String) { self.out = out }

    /// Takes a line of a job's; see ``LaunchStatus``.
    func take(_ event: LaunchStatus.Event) {
        said.withLock { said in
            said.lines += 1
            switch event {
            case .step: break
            case .durable(let step): said.durableStep = step
            case .finished: said.isFinished = true
            }
        }
    }

    /// The step of the newest checkpoint; `nil` for none.
    var durableStep: Int? {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: out + "/checkpoints")) ?? []
        let seen = names.filter { $0.hasPrefix("step-") }.compactMap { Int($0.dropFirst(5)) }.max()
        return said.withLock { $0.durableStep } ?? seen
    }

    /// Changes whenever a record is written or a checkpoint appears.
    var sign: [Int] {
        var status = stat()
        let isThere = stat(out + "/metrics.jsonl", &status) == 0
        return [
            isThere ? Int(status.st_size) : -1, isThere ? status.st_mtim.tv_sec : -1,
            durableStep ?? -1, said.withLock { $0.lines },
        ]
    }

    /// Changes when a job says that the run is finished; nothing is verified.
    var claim: [Int] {
        var status = stat()
        let isThere = stat(out + "/finished.json", &status) == 0
        return [
            said.withLock { $0.isFinished } ? 1 : 0, isThere ? Int(status.st_ino) : -1,
            isThere ? status.st_mtim.tv_sec : -1, isThere ? status.st_mtim.tv_nsec : -1,
        ]
    }

    /// Whether the final record stands and the adapter beside it is the one that it speaks of.
    var isFinished: Bool {
        if said.withLock({ $0.isFinished }) { return true }
        guard let records = try? RunRecords(path: out), case .whole = records.adapter() else {
            return false
        }
        return true
    }
}

/// Tells a job that hangs from one that is slow.
struct StallWatch {
    private let fixedSeconds: Double?
    private var lastSign: [Int]
    private var lastChangeSeconds: Double
    private var slowestSeconds = 0.0
    private var changes = 0

    /// A model may have to be read from a slow disk and data tokenized before the first record.
    private static let firstSeconds = 3600.0
    private static let leastSeconds = 180.0
    private static let factor = 10.0

    init(fixedSeconds: Double?, sign: [Int], nowSeconds: Double) {
        self.fixedSeconds = fixedSeconds
        lastSign = sign
        lastChangeSeconds = nowSeconds
    }

    /// Seconds without progress if there are too many, else `nil`.
    mutating func stalledSeconds(sign: [Int], nowSeconds: Double) -> Double? {
        let quiet = nowSeconds - lastChangeSeconds
        guard sign == lastSign else {
            // The first record comes after loading; it says nothing of steps.
            if changes > 0 { slowestSeconds = max(slowestSeconds, quiet) }
            changes += 1
            (lastSign, lastChangeSeconds) = (sign, nowSeconds)
            return nil
        }
        let usual =
            changes < 2
            ? Self.firstSeconds : max(Self.leastSeconds, Self.factor * slowestSeconds)
        return quiet > fixedSeconds ?? usual ? quiet : nil
    }
}
