import Foundation
import ProgressReports

/// One record of each kind, with values that are easy to get wrong.
let examples: [ProgressRecord] = [
    .runStarted(
        .init(
            runID: "3f2a\"\u{1}Grüße", configuration: "model: \"x\"\nrank: 8\n", worldSize: 8,
            lanesPerRank: 2, hosts: ["node1", "node1", "node2"], kernelID: "SkylakeX/avx512/1",
            totalSteps: 400, trainableParameters: 460_800)),
    step(1),
    .evaluation(
        .init(step: 50, loss: 2.0625, targetTokens: 12_345, samples: 100, seconds: 3.5)),
    .checkpoint(
        .init(
            step: 50, path: "run/checkpoints/step-00000050", bytes: 5_000_000_000, seconds: 0.25,
            manifestSHA256: "00ff", handOverSeconds: 0.001, processorSeconds: 0.02)),
    .resumed(
        .init(
            step: 50, path: "p", worldSize: 2, previousWorldSize: 3,
            changes: ["steps: 100 -> 200", ""])),
    .warning(.init(step: 51, message: "disk \\ nearly full \u{1F4BE}")),
    .finished(
        .init(
            step: 400, loss: 1.5, evaluationLoss: .nan, seconds: 1234.5, adapterPath: "run/adapter",
            adapterSHA256: "abcdef0123456789")),
    .failed(.init(step: 7, exitCode: 75, message: "no space\nleft")),
    detailedStep(8), .gap(.init(firstSequence: 5)),
]

/// A step with all that can be told of one.
func detailedStep(_ number: Int) -> ProgressRecord {
    guard case .step(var value) = step(number) else { preconditionFailure("not a step") }
    value.details.stepSeconds = 3.25
    value.details.targetTokensPerSecond = 200.5
    value.details.computedTokens = 3000
    value.details.computedTokensPerSecond = 300.25
    value.details.clipFactor = 0.5
    value.details.clipShare = 0.125
    value.details.reducedBytes = 1 << 40
    value.details.secondsLeft = 580
    value.details.rankComputeSeconds = [1, 2, 1.5]
    value.details.rankPeakMemoryBytes = [1 << 30, 1 << 31, 3]
    return .step(value)
}

func step(_ number: Int, loss: Double = 2.3141592653589793) -> ProgressRecord {
    .step(
        .init(
            step: number, epoch: 0, loss: loss, targetTokens: 2048, tokens: 4096,
            tokensPerSecond: 431.5, learningRate: 2e-4, gradientNorm: 0.1 + 0.2,
            computeSeconds: 2.9, reduceSeconds: 1e-7, updateSeconds: 0.0625))
}

func timed(
    _ record: ProgressRecord, sequence: UInt64 = 1, nanoseconds: Int64 = 1_732_391_234_500_000_000
) -> TimedRecord {
    TimedRecord(
        runID: "3f2a1b9c77", sequence: sequence, unixTimeNanoseconds: nanoseconds, record: record)
}

/// Equality that takes NaN as equal to itself.
func same(_ a: ProgressRecord, _ b: ProgressRecord) -> Bool { "\(a)" == "\(b)" }

/// A file name that nobody else uses.
func scratchPath(_ name: String) -> String {
    NSTemporaryDirectory() + "lora-progress-\(UUID().uuidString)-\(name)"
}

func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
}
