import Adapters
import ArgumentParser
import ChatTemplates
import Datasets
import Faults
import Foundation
import Generation
import Kernels
import ModelFiles
import Tokenization

/// `lora generate`: text from a model, with or without an adapter.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Let a model, with or without an adapter, continue a text.",
        discussion: """
            --instruction wraps the text in the template that Alpaca data is trained with, or in \
            that of --template, so use it for adapters that were trained on such data; --chat and \
            --messages use the model's own chat template; --prompt takes the text as it is. The \
            text appears on standard output as it is made, and nothing else does.

            Examples:
              lora generate --model SmolLM2.gguf --adapter run1 \\
                  --instruction "Name the capital of France."
              lora generate --model SmolLM2.gguf --chat "Name the capital of France."
              lora generate --model SmolLM2.gguf --prompt "Once upon a time" --seed 7
              cat article.txt | lora generate --model SmolLM2.gguf --prompt - --greedy

            The same seed, model and prompt give the same text on machines with the same kernels.
            """)

    @OptionGroup var source: ModelOptions

    @OptionGroup var given: PromptOptions

    @Option(
        help: ArgumentHelp("Most tokens to generate (default: 128).", valueName: "tokens"))
    var maxTokens: String?

    @Flag(help: "Always take the most probable token.")
    var greedy = false

    @Option(
        help: ArgumentHelp(
            "Above 1 more surprising, towards 0 more predictable (default: 0.7).",
            valueName: "number"))
    var temperature: String?

    @Option(
        help: ArgumentHelp(
            "Choose among the most probable tokens with this share of the probability (default: 1).",
            valueName: "share"))
    var topP: String?

    @Option(help: ArgumentHelp("Decides the random choices (default: 0).", valueName: "number"))
    var seed: String?

    @Option(
        help: ArgumentHelp(
            "auto, baseline, avx2 or avx512 (default: the best of this machine).",
            valueName: "level"))
    var kernels: String?

    func run() throws {
        try exitingOnFault {
            let (maximumTokens, method) = (try maximumTokens, try method)
            let request = try given.request
            let model = try BaseModel.open(path: source.model)
            let text = try request.text(for: model)
            let tokenizer = try Tokenizer(model: model)
            let adapter = try source.adapter.map {
                try PEFTAdapter(
                    folder: try PEFTAdapter.folder(at: $0), model: model.configuration)
            }
            warn(model.remarks + (adapter?.remarks ?? []))
            let backend = try Backend(level: KernelLevel(flag: kernels ?? "auto"))
            let generator = TextGenerator(
                model: model, tokenizer: tokenizer, adapter: adapter?.parameters, backend: backend)
            let isTerminal = isatty(STDOUT_FILENO) == 1
            let output = FileHandle.standardOutput
            _ = try generator.generate(
                prompt: text, addsBeginTokens: !request.isChat, method: method,
                maximumTokens: maximumTokens
            ) { piece in
                try output.write(
                    contentsOf: Data((isTerminal ? piece.safeForTerminals : piece).utf8))
            }
            if isTerminal { try output.write(contentsOf: Data("\n".utf8)) }
        }
    }

    private var maximumTokens: Int {
        get throws {
            guard let maxTokens else { return 128 }
            guard let count = Int(maxTokens), count > 0, count <= Int(Int32.max) else {
                throw GenerationError(
                    "--max-tokens", "is '\(maxTokens)'; it must be a whole number, at least 1")
            }
            return count
        }
    }

    private var method: TokenSampler.Method {
        get throws {
            if greedy {
                let others = [
                    ("--temperature", temperature), ("--top-p", topP), ("--seed", seed),
                ]
                if let (flag, _) = others.first(where: { $0.1 != nil }) {
                    throw GenerationError(
                        flag, "does nothing with --greedy", hint: "Leave one of them out")
                }
                return .greedy
            }
            return .nucleus(
                temperature: try number("--temperature", temperature, default: 0.7, atMost: 1000),
                topP: try number("--top-p", topP, default: 1, atMost: 1), seed: try wholeSeed)
        }
    }

    private var wholeSeed: UInt64 {
        get throws {
            guard let seed else { return 0 }
            guard let value = UInt64(seed) else {
                throw GenerationError(
                    "--seed", "is '\(seed)'; it must be a whole number, at least 0")
            }
            return value
        }
    }

    private func number(
        _ flag: String, _ text: String?, default standard: Double, atMost most: Double
    ) throws -> Double {
        guard let text else { return standard }
        // Smaller than any sensible temperature; dividing by less could overflow.
        guard let value = Double(text), value >= 1e-6, value <= most else {
            throw GenerationError(
                flag, "is '\(text)'; it must be a number above 0 and at most \(most)",
                hint: flag == "--temperature" ? "For no randomness give --greedy" : nil)
        }
        return value
    }
}

extension String {
    /// Without control characters other than line feed and tab: a terminal obeys what it is shown.
    fileprivate var safeForTerminals: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    scalar.properties.generalCategory == .control && scalar != "\n"
                        && scalar != "\t" ? "\u{FFFD}" : scalar
                }))
    }
}
