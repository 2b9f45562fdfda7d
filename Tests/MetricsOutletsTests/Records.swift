import Foundation
import ProgressReports

func timed(_ record: ProgressRecord, sequence: UInt64 = 1) -> TimedRecord {
    TimedRecord(
        runID: "run-1", epoch: 3, sequence: sequence,
        unixTimeNanoseconds: 1_732_391_234_500_000_123, record: record)
}

let evaluation = ProgressRecord.evaluation(
    .init(step: 50, loss: .nan, targetTokens: 12_345, samples: 100, seconds: 3.5))

func step(_ number: Int) -> ProgressRecord {
    var details = ProgressRecord.Step.Details()
    details.rankComputeSeconds = [1.5, 2.25]
    return .step(
        .init(
            step: number, epoch: 0, loss: 2.3141592653589793, targetTokens: 2048, tokens: 4096,
            tokensPerSecond: 431.5, learningRate: 2e-4, gradientNorm: 0.1 + 0.2,
            computeSeconds: 2.9, reduceSeconds: 1e-7, updateSeconds: 0.0625, details: details))
}

func scratchPath(_ name: String) -> String {
    NSTemporaryDirectory() + "lora-outlets-\(UUID().uuidString)-\(name)"
}
