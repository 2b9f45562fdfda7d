import Adapters
import Foundation
import ModelFiles
import Tensors
import TestSupport
import Testing
import Transformer

/// Ten AdamW steps of the whole program against PEFT + PyTorch in float64.
@Suite(.serialized) struct PEFTParityTests {
    private struct Reference: Decodable {
        struct Run: Decodable {
            struct Settings: Decodable {
                let initial_adapter: String
                let schedule: String
                let warmup_steps: Int
                let lr: Double
                let weight_decay: Double
                let clip_norm: Double
                let batch_size: Int
                let steps: Int
            }
            struct Step: Decodable {
                let loss: Double
                let gradient_norm: Double
                let learning_rate: Double
            }
            let settings: Settings
            let steps: [Step]
        }
        let runs: [String: Run]
    }

    /// Losses within 1e-5 and the final A and B within 1e-4: float32 rounding alone moves them by
    /// 2e-7 and 2e-6 (measured by the fixture's script).
    @Test(.timeLimit(.minutes(10)), arguments: ["from-initial", "from-all"])
    func tenSteps(name: String) throws {
        try Programs.withScratchFolder { scratch in
            try compare(
                name, folder: TrainingRunFixture.model, model: TrainingRunFixture.model, ranks: 2,
                out: scratch + "/run")
        }
    }

    /// The other families, and the same bytes on one, two and three ranks.
    @Test(.timeLimit(.minutes(10)), arguments: FamilyFixtures.names)
    func tenStepsOfFamily(name: String) throws {
        let folder = FamilyFixtures.folder(name)
        try Programs.withScratchFolder { scratch in
            let model = scratch + "/model"
            try FamilyFixtures.link(name, at: model)
            var first: Data?
            for ranks in 1...3 {
                let out = scratch + "/run\(ranks)"
                try compare("from-initial", folder: folder, model: model, ranks: ranks, out: out)
                let weights = try TrainingRunFixture.weights(of: out)
                #expect(first == nil || first == weights, "\(ranks) ranks")
                first = first ?? weights
            }
        }
    }

    /// Trains as the reference run `name` of the fixture `folder` did, and compares.
    private func compare(
        _ name: String, folder: String, model: String, ranks: Int, out: String
    ) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/reference.json"))
        let run = try #require(
            try JSONDecoder().decode(Reference.self, from: data).runs[name])
        let settings = run.settings
        let outcome = try Programs.mpirun(
            ranks: ranks,
            [
                "--model", model, "--data", TrainingRunFixture.model + "/train.jsonl", "--out", out,
                "--init-adapter", folder + "/" + settings.initial_adapter, "--order",
                "sequential", "--schedule", settings.schedule, "--warmup-steps",
                "\(settings.warmup_steps)", "--lr", "\(settings.lr)", "--weight-decay",
                "\(settings.weight_decay)", "--clip-norm", "\(settings.clip_norm)",
                "--batch-size", "\(settings.batch_size)", "--steps", "\(settings.steps)",
            ])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let steps = try TrainingRunFixture.metrics(of: out, kind: "step")
        #expect(steps.count == run.steps.count)
        for (found, wanted) in zip(steps, run.steps) {
            let loss = try #require(found["loss"] as? Double)
            let norm = try #require(found["gradient_norm"] as? Double)
            let rate = try #require(found["learning_rate"] as? Double)
            #expect(abs(loss / wanted.loss - 1) < 1e-5)
            #expect(abs(norm / wanted.gradient_norm - 1) < 1e-4)
            #expect(abs(rate - wanted.learning_rate) < 1e-15)
        }
        let model = try BaseModel.open(path: folder).configuration
        let adapter = try PEFTAdapter(folder: out + "/adapter", model: model)
        let expected = FloatBuffer(count: adapter.parameters.buffer.count)
        try adapter.parameters.layout.parameterSet.read(
            safetensors: folder + "/final-\(name).safetensors", into: expected)
        for tensor in adapter.parameters.layout.parameterSet.tensors {
            var (difference, size) = (0.0, 0.0)
            for index in tensor.range {
                let (a, b) = (adapter.parameters.buffer.pointer[index], expected.pointer[index])
                difference += pow(Double(a) - Double(b), 2)
                size += pow(Double(b), 2)
            }
            #expect((difference / size).squareRoot() < 1e-4, "\(tensor.name)")
        }
    }
}
