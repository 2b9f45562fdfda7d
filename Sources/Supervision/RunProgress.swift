import Foundation
import Training

/// What the files of a run say of how far it is.
struct RunProgress {
    let out: String

    /// The step of the newest checkpoint; `nil` for none.
    var durableStep: Int? {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: out + "/checkpoints")) ?? []
        return names.filter { $0.hasPrefix("step-") }.compactMap { Int($0.dropFirst(5)) }.max()
    }

    /// Changes whenever a record is written or a checkpoint appears.
    var sign: [Int] {
        var status = stat()
        guard stat(out + "/metrics.jsonl", &status) == 0 else { return [durableStep ?? -1] }
        return [Int(status.st_size), status.st_mtim.tv_sec, durableStep ?? -1]
    }

    /// Whether the final record stands and the adapter beside it is the one that it speaks of.
    var isFinished: Bool {
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
