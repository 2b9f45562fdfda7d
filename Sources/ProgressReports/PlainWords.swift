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
