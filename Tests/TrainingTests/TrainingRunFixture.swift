import Adapters
import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing

/// Runs of `lora-worker` on the tiny model, under real `mpirun`.
struct TrainingRunFixture {
    static let model = Programs.fixture("tiny-llama")

    /// Arguments of a run that takes a second: 48 samples by 8, two epochs, 12 steps.
    ///
    /// - Parameter more: Options; those that stand below take their place.
    static func arguments(out: String, _ more: [String] = []) -> [String] {
        let usual = [
            ("--model", model), ("--data", model + "/train.jsonl"),
            ("--eval-data", model + "/held-out.jsonl"), ("--out", out), ("--batch-size", "8"),
            ("--epochs", "2"), ("--checkpoint-every", "3"),
        ]
        return usual.filter { !more.contains($0.0) }.flatMap { [$0.0, $0.1] } + more
    }

    static func weights(of out: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: out + "/adapter/adapter_model.safetensors"))
    }

    /// The lines of `metrics.jsonl` of one kind.
    static func metrics(of out: String, kind: String) throws -> [[String: Any]] {
        try String(contentsOfFile: out + "/metrics.jsonl", encoding: .utf8)
            .split(separator: "\n").map { line in
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                return try #require(object as? [String: Any])
            }.filter { $0["kind"] as? String == kind }
    }

    static func steps(of out: String) throws -> [Int] {
        try metrics(of: out, kind: "step").map { try #require($0["step"] as? Int) }
    }
}
