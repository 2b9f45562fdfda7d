import Foundation
import ProgressReports

let runID = "0123456789abcdef"

func record(_ record: ProgressRecord, _ epoch: UInt64, _ sequence: UInt64) -> TimedRecord {
    TimedRecord(
        runID: runID, epoch: epoch, sequence: sequence, unixTimeNanoseconds: 1, record: record)
}

func step(_ number: Int) -> ProgressRecord {
    .step(
        .init(
            step: number, epoch: 0, loss: 2, targetTokens: 2048, tokens: 4096,
            tokensPerSecond: 431.5, learningRate: 2e-4, gradientNorm: 0.3, computeSeconds: 2.9,
            reduceSeconds: 1e-7, updateSeconds: 0.0625))
}

func checkpoint(_ number: Int) -> ProgressRecord {
    .checkpoint(.init(step: number, path: "p", bytes: 1, seconds: 1, manifestSHA256: "00"))
}
