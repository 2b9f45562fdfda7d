import Foundation
import Words

extension TimedRecord {
    /// The record as one line for people, without line feed or control characters.
    public var sentence: String { sentence(totalSteps: nil) }

    /// As ``sentence``; with `totalSteps`, steps are told as "12/400".
    func sentence(totalSteps: Int?) -> String {
        record.words(totalSteps: totalSteps).printable
    }
}

extension ProgressRecord {
    fileprivate func words(totalSteps: Int?) -> String {
        switch self {
        case .runStarted(let value):
            let hosts = Set(value.hosts).count
            return "run \(value.runID) started: \(counted(value.worldSize, "rank")) with "
                + "\(counted(value.lanesPerRank, "lane")) each on \(counted(hosts, "host")), "
                + "\(counted(value.totalSteps, "step")), "
                + "\(counted(value.trainableParameters, "trainable parameter")), "
                + "kernels \(value.kernelID)"
        case .step(let value):
            let total = totalSteps.map { "/\($0)" } ?? ""
            return "step \(value.step)\(total): loss \(decimal(value.loss, places: 4)), "
                + "\(decimal(value.tokensPerSecond, places: 0)) tokens/s, "
                + "learning rate \(significant(value.learningRate)), "
                + "gradient norm \(decimal(value.gradientNorm, places: 4)), "
                + "\(counted(value.targetTokens, "target token")), "
                + "compute \(decimal(value.computeSeconds, places: 2)) s, "
                + "reduce \(decimal(value.reduceSeconds, places: 2)) s, "
                + "update \(decimal(value.updateSeconds, places: 2)) s"
                + value.addedWords
        case .evaluation(let value):
            return "step \(value.step): held-out loss \(decimal(value.loss, places: 4)) over "
                + "\(counted(value.samples, "sample")), "
                + "\(counted(value.targetTokens, "target token")), "
                + "\(decimal(value.seconds, places: 1)) s"
        case .checkpoint(let value):
            return "step \(value.step): checkpoint durable in \(value.path) "
                + "(\(decimal(Double(value.bytes) / 1e6, places: 1)) MB, "
                + "\(decimal(value.seconds, places: 2)) s)"
        case .resumed(let value):
            let changes =
                value.changes.isEmpty ? "" : "; changed: " + value.changes.joined(separator: ", ")
            return "resumed after step \(value.step) from \(value.path) on "
                + "\(counted(value.worldSize, "rank")), before "
                + "\(counted(value.previousWorldSize, "rank"))\(changes)"
        case .warning(let value):
            return "warning at step \(value.step): \(value.message)"
        case .finished(let value):
            let heldOut =
                value.evaluationLoss.isNaN
                ? "" : ", held-out loss \(decimal(value.evaluationLoss, places: 4))"
            return "finished after step \(value.step): loss \(decimal(value.loss, places: 4))"
                + "\(heldOut), \(duration(seconds: value.seconds)); adapter in "
                + "\(value.adapterPath) (SHA-256 \(value.adapterSHA256.prefix(12)))"
        case .failed(let value):
            return "failed at step \(value.step) with exit code \(value.exitCode): "
                + value.message
        case .gap(let value):
            return
                "records from number \(value.firstSequence) on were dropped: no room to keep them"
        }
    }
}

extension ProgressRecord.Step {
    /// Straggler and time left, where they are worth a reader's time.
    fileprivate var addedWords: String {
        var words = stragglerWords.map { ", \($0)" } ?? ""
        if let left = details.secondsLeft { words += ", \(duration(seconds: left)) left" }
        return words
    }
}

extension ProgressRecord.Step {
    /// "rank 3 14 % slower than the mean"; `nil` where nobody is by a tenth.
    var stragglerWords: String? {
        guard let (workerRank, excess) = straggler, excess >= 0.1 else { return nil }
        return "rank \(workerRank) \(decimal(excess * 100, places: 0)) % slower than the mean"
    }
}

/// "1 rank", "2 ranks".
func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
}

/// `value` with this many digits after the point, rounded half away from zero.
func decimal(_ value: Double, places: Int) -> String {
    let scale = [1.0, 10, 100, 1000, 10000][places]
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e15 else { return "\(value)" }
    var digits = String(Int64(scaled))
    if places > 0 {
        digits = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -places))
    }
    return (value < 0 && scaled > 0 ? "-" : "") + digits
}

/// Three significant digits: "0.000183", "2e-07".
func significant(_ value: Double) -> String { String(format: "%.3g", value) }

/// "42 s", "3 min 20 s", "2 h 05 min".
public func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "unknown time" }
    let total = Int(seconds.rounded())
    if total < 60 { return "\(total) s" }
    let (value, rest) = total < 3600 ? (total / 60, total % 60) : (total / 3600, total / 60 % 60)
    let padded = (rest < 10 ? "0" : "") + "\(rest)"
    return total < 3600 ? "\(value) min \(padded) s" : "\(value) h \(padded) min"
}
