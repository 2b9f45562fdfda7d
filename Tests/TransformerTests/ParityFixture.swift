import Adapters
import Foundation
import Kernels
import ModelFiles
import Slices
import TestSupport
import Testing
import Transformer

/// What transformers and PEFT computed for a tiny model (scripts/fixtures/make-fixtures parity).
struct ParityFixture {
    let folder: String
    let reference: Reference
    let files: BaseModel
    let model: LanguageModel<Backend>

    struct Reference: Decodable {
        struct Sample: Decodable {
            let tokens: [Int32]
            let prompt_tokens: Int
        }
        struct Batch: Decodable {
            let samples: Int
            let loss: Double
        }
        let samples: [String: [Sample]]?
        /// The fixture whose samples these are, if not its own.
        let samples_of: String?
        let held_out_nll: [String: [Double]]
        let batch: [String: Batch]?
    }

    init(_ name: String, level: KernelLevel = .best) throws {
        folder = Self.folder(name)
        reference = try Self.reference(name)
        files = try BaseModel.open(path: folder)
        model = try LanguageModel(
            files: files, backend: Backend(level: level), positions: 512)
    }

    private static func reference(_ name: String) throws -> Reference {
        let data = try Data(
            contentsOf: URL(fileURLWithPath: folder(name) + "/reference.json"))
        return try JSONDecoder().decode(Reference.self, from: data)
    }

    static let families = FamilyFixtures.names.map { "families/" + $0 }

    static func folder(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(name)").path
    }

    func samples(_ set: String) throws -> Samples {
        var samples = Samples()
        let sets =
            try reference.samples ?? Self.reference(try #require(reference.samples_of)).samples
        for sample in try #require(sets?[set]) {
            samples.append(
                tokens: sample.tokens,
                isTarget: sample.tokens.indices.map { $0 >= sample.prompt_tokens })
        }
        return samples
    }

    func adapter(_ name: String) throws -> LowRankParameters {
        try PEFTAdapter(folder: folder + "/" + name, model: files.configuration).parameters
    }
}
