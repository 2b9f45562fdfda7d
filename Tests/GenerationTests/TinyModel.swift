import Adapters
import Foundation
import Generation
import Kernels
import ModelFiles
import Tokenization
import Transformer

/// `Tests/Fixtures/tiny-llama` and what transformers generates with it.
struct TinyModel {
    let folder: String
    let files: BaseModel
    let tokenizer: Tokenizer
    let backend: Backend
    let cases: [Case]

    struct Case: Decodable {
        let adapter: String?
        let prompt: String
        let prompt_tokens: [Int32]
        let tokens: [Int32]
        let text: String
    }

    private struct Fixture: Decodable {
        let cases: [Case]
    }

    init() throws {
        folder =
            URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Fixtures/tiny-llama").path
        files = try BaseModel.open(path: folder)
        tokenizer = try Tokenizer(model: files)
        backend = try Backend(level: .best)
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/generation.json"))
        cases = try JSONDecoder().decode(Fixture.self, from: data).cases
    }

    /// Another family's fixture, which has no tokenizer of its own and no generated texts.
    init(family: String) throws {
        let tiny = try TinyModel()
        folder =
            URL(fileURLWithPath: tiny.folder).deletingLastPathComponent()
            .appendingPathComponent("families/\(family)").path
        files = try BaseModel.open(path: folder)
        tokenizer = tiny.tokenizer
        backend = tiny.backend
        cases = []
    }

    func adapter(_ name: String?) throws -> LowRankParameters? {
        try name.map {
            try PEFTAdapter(folder: folder + "/" + $0, model: files.configuration).parameters
        }
    }

    func generator(adapter name: String?) throws -> TextGenerator {
        TextGenerator(
            model: files, tokenizer: tokenizer, adapter: try adapter(name), backend: backend)
    }

    func model(positions: Int) throws -> LanguageModel<Backend> {
        try LanguageModel(files: files, backend: backend, positions: positions)
    }
}
