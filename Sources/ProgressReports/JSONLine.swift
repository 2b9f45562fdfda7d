/// One line of `metrics.jsonl` or of the collector's file.
extension TimedRecord {
    /// The record as a JSON object without a line feed: `kind` first, `time` (seconds since
    /// 1970-01-01 UTC) last, every number so that it reads back as the same Double, NaN and
    /// infinity as null.
    public var jsonLine: String { jsonLine(tellingSender: false) }

    /// As ``jsonLine`` with `run_id` and `sequence` after `kind`, for files of several runs.
    public var jsonLineWithSender: String { jsonLine(tellingSender: true) }

    private func jsonLine(tellingSender: Bool) -> String {
        var object = JSONObject()
        object.add("kind", record.kind)
        if tellingSender {
            object.add("run_id", runID)
            object.add("sequence", "\(sequence)", verbatim: true)
        }
        record.addFields(to: &object, withRunID: !tellingSender)
        object.add("time", Double(unixTimeNanoseconds) / 1e9)
        return object.text
    }
}

/// A flat JSON object whose keys keep their order.
private struct JSONObject {
    private var body = ""

    var text: String { "{" + body + "}" }

    mutating func add(_ key: String, _ value: String, verbatim: Bool = false) {
        if !body.isEmpty { body += "," }
        body += "\"\(key)\":" + (verbatim ? value : Self.quoted(value))
    }

    mutating func add(_ key: String, _ value: Int) {
        add(key, "\(value)", verbatim: true)
    }

    mutating func add(_ key: String, _ value: Double) {
        // The shortest digits that identify the value.
        add(key, value.isFinite ? "\(value)" : "null", verbatim: true)
    }

    mutating func add(_ key: String, _ values: [String]) {
        let list = values.map(Self.quoted).joined(separator: ",")
        add(key, "[\(list)]", verbatim: true)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension ProgressRecord {
    fileprivate func addFields(to object: inout JSONObject, withRunID: Bool) {
        switch self {
        case .runStarted(let value):
            if withRunID { object.add("run_id", value.runID) }
            object.add("configuration", value.configuration)
            object.add("world_size", value.worldSize)
            object.add("lanes_per_rank", value.lanesPerRank)
            object.add("hosts", value.hosts)
            object.add("kernel_id", value.kernelID)
            object.add("total_steps", value.totalSteps)
            object.add("trainable_parameters", value.trainableParameters)
        case .step(let value):
            object.add("step", value.step)
            object.add("epoch", value.epoch)
            object.add("loss", value.loss)
            object.add("target_tokens", value.targetTokens)
            object.add("tokens", value.tokens)
            object.add("tokens_per_second", value.tokensPerSecond)
            object.add("learning_rate", value.learningRate)
            object.add("gradient_norm", value.gradientNorm)
            object.add("compute_seconds", value.computeSeconds)
            object.add("reduce_seconds", value.reduceSeconds)
            object.add("update_seconds", value.updateSeconds)
        case .evaluation(let value):
            object.add("step", value.step)
            object.add("loss", value.loss)
            object.add("target_tokens", value.targetTokens)
            object.add("samples", value.samples)
            object.add("seconds", value.seconds)
        case .checkpoint(let value):
            object.add("step", value.step)
            object.add("path", value.path)
            object.add("bytes", value.bytes)
            object.add("seconds", value.seconds)
            object.add("manifest_sha256", value.manifestSHA256)
            object.add("hand_over_seconds", value.handOverSeconds)
            object.add("processor_seconds", value.processorSeconds)
        case .resumed(let value):
            object.add("step", value.step)
            object.add("path", value.path)
            object.add("world_size", value.worldSize)
            object.add("previous_world_size", value.previousWorldSize)
            object.add("changes", value.changes)
        case .warning(let value):
            object.add("step", value.step)
            object.add("message", value.message)
        case .finished(let value):
            object.add("step", value.step)
            object.add("loss", value.loss)
            object.add("evaluation_loss", value.evaluationLoss)
            object.add("seconds", value.seconds)
            object.add("adapter_path", value.adapterPath)
            object.add("adapter_sha256", value.adapterSHA256)
        case .failed(let value):
            object.add("step", value.step)
            object.add("exit_code", value.exitCode)
            object.add("message", value.message)
        }
    }
}
