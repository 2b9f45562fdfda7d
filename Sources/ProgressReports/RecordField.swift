/// One named value of a record, for everything that shows records: files, outlets, pages.
public struct RecordField: Sendable, Equatable {
    /// As in `metrics.jsonl`.
    public let name: String
    public let value: Value

    public enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int)
        case number(Double)
        case texts([String])
        /// By rank.
        case integers([Int])
        /// By rank.
        case numbers([Double])
    }

    init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }

    /// None or one.
    fileprivate static func known(_ name: String, _ value: Double?) -> [RecordField] {
        value.map { [RecordField(name, .number($0))] } ?? []
    }

    fileprivate static func known(_ name: String, _ value: Int?) -> [RecordField] {
        value.map { [RecordField(name, .integer($0))] } ?? []
    }
}

/// One number of a record: what metrics systems take.
public struct Measurement: Sendable, Equatable {
    /// The field's, as in `metrics.jsonl`.
    public let name: String
    /// `nil` where it is not one rank's.
    public let workerRank: Int?
    public let value: Double
}

extension ProgressRecord {
    /// All its numbers; those of a list one a rank.
    public var measurements: [Measurement] {
        fields.flatMap { field -> [Measurement] in
            switch field.value {
            case .text, .texts: []
            case .integer(let value):
                [Measurement(name: field.name, workerRank: nil, value: Double(value))]
            case .number(let value):
                [Measurement(name: field.name, workerRank: nil, value: value)]
            case .integers(let values):
                values.enumerated().map {
                    Measurement(name: field.name, workerRank: $0, value: Double($1))
                }
            case .numbers(let values):
                values.enumerated().map {
                    Measurement(name: field.name, workerRank: $0, value: $1)
                }
            }
        }
    }
}

extension ProgressRecord.Step.Details {
    fileprivate var fields: [RecordField] {
        var fields = RecordField.known("step_seconds", stepSeconds)
        fields += RecordField.known("target_tokens_per_second", targetTokensPerSecond)
        fields += RecordField.known("computed_tokens", computedTokens)
        fields += RecordField.known("computed_tokens_per_second", computedTokensPerSecond)
        fields += RecordField.known("clip_factor", clipFactor)
        fields += RecordField.known("clip_share", clipShare)
        fields += RecordField.known("reduced_bytes", reducedBytes)
        fields += RecordField.known("seconds_left", secondsLeft)
        if !rankComputeSeconds.isEmpty {
            fields.append(RecordField("rank_compute_seconds", .numbers(rankComputeSeconds)))
        }
        if !rankPeakMemoryBytes.isEmpty {
            fields.append(RecordField("rank_peak_memory_bytes", .integers(rankPeakMemoryBytes)))
        }
        return fields
    }
}

extension ProgressRecord {
    /// All it says, in the order of `metrics.jsonl`, where each field has this name.
    public var fields: [RecordField] {
        switch self {
        case .runStarted(let value):
            return [
                RecordField("run_id", .text(value.runID)),
                RecordField("configuration", .text(value.configuration)),
                RecordField("world_size", .integer(value.worldSize)),
                RecordField("lanes_per_rank", .integer(value.lanesPerRank)),
                RecordField("hosts", .texts(value.hosts)),
                RecordField("kernel_id", .text(value.kernelID)),
                RecordField("total_steps", .integer(value.totalSteps)),
                RecordField("trainable_parameters", .integer(value.trainableParameters)),
                RecordField("name", .text(value.name)),
            ]
        case .step(let value):
            return [
                RecordField("step", .integer(value.step)),
                RecordField("epoch", .integer(value.epoch)),
                RecordField("loss", .number(value.loss)),
                RecordField("target_tokens", .integer(value.targetTokens)),
                RecordField("tokens", .integer(value.tokens)),
                RecordField("tokens_per_second", .number(value.tokensPerSecond)),
                RecordField("learning_rate", .number(value.learningRate)),
                RecordField("gradient_norm", .number(value.gradientNorm)),
                RecordField("compute_seconds", .number(value.computeSeconds)),
                RecordField("reduce_seconds", .number(value.reduceSeconds)),
                RecordField("update_seconds", .number(value.updateSeconds)),
            ] + value.details.fields
        case .evaluation(let value):
            return [
                RecordField("step", .integer(value.step)),
                RecordField("loss", .number(value.loss)),
                RecordField("target_tokens", .integer(value.targetTokens)),
                RecordField("samples", .integer(value.samples)),
                RecordField("seconds", .number(value.seconds)),
            ]
        case .checkpoint(let value):
            return [
                RecordField("step", .integer(value.step)),
                RecordField("path", .text(value.path)),
                RecordField("bytes", .integer(value.bytes)),
                RecordField("seconds", .number(value.seconds)),
                RecordField("manifest_sha256", .text(value.manifestSHA256)),
                RecordField("hand_over_seconds", .number(value.handOverSeconds)),
                RecordField("processor_seconds", .number(value.processorSeconds)),
            ]
        case .resumed(let value):
            return [
                RecordField("step", .integer(value.step)),
                RecordField("path", .text(value.path)),
                RecordField("world_size", .integer(value.worldSize)),
                RecordField("previous_world_size", .integer(value.previousWorldSize)),
                RecordField("changes", .texts(value.changes)),
            ]
        case .warning(let value):
            return [
                RecordField("step", .integer(value.step)),
                RecordField("message", .text(value.message)),
            ]
        case .finished(let value):
            return [
                RecordField("step", .integer(value.step)),
                RecordField("loss", .number(value.loss)),
                RecordField("evaluation_loss", .number(value.evaluationLoss)),
                RecordField("seconds", .number(value.seconds)),
                RecordField("adapter_path", .text(value.adapterPath)),
                RecordField("adapter_sha256", .text(value.adapterSHA256)),
            ] + RecordField.known("longest_hand_over_seconds", value.longestHandOverSeconds)
        case .failed(let value):
            return [
                RecordField("step", .integer(value.step)),
                RecordField("exit_code", .integer(value.exitCode)),
                RecordField("message", .text(value.message)),
            ]
        case .gap(let value):
            return [RecordField("first_sequence", .integer(Int(clamping: value.firstSequence)))]
        }
    }
}
