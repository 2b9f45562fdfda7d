/// Well-known models by name, in the order in which messages list them, with their sizes as `--shape` takes
/// them.
///
/// Numbers are those of the models' published configurations; GPT-3's are table 2.1 of Brown et al. 2020,
/// arXiv:2005.14165, with GPT-2's vocabulary.
enum KnownShapes {
    static let all: [(name: String, sizes: String)] =
        [
            ("gpt2", gpt(12, 768, 12)), ("gpt2-medium", gpt(24, 1024, 16)),
            ("gpt2-large", gpt(36, 1280, 20)), ("gpt2-xl", gpt(48, 1600, 25)),
            ("gpt3-175b", gpt(96, 12_288, 96, positions: 2048)),
            ("gpt-j-6b", shape("gptj", 28, 4096, 16, nil, 16_384, 50_400)),
            ("llama-7b", llama(32, 4096, 32, 32, 11_008, 32_000)),
            ("llama-13b", llama(40, 5120, 40, 40, 13_824, 32_000)),
            ("llama-30b", llama(60, 6656, 52, 52, 17_920, 32_000)),
            ("llama-65b", llama(80, 8192, 64, 64, 22_016, 32_000)),
            ("llama-2-7b", llama(32, 4096, 32, 32, 11_008, 32_000)),
            ("llama-2-13b", llama(40, 5120, 40, 40, 13_824, 32_000)),
            ("llama-2-70b", llama(80, 8192, 64, 8, 28_672, 32_000)),
            ("llama-3-8b", llama(32, 4096, 32, 8, 14_336, 128_256)),
            ("llama-3-70b", llama(80, 8192, 64, 8, 28_672, 128_256)),
            ("llama-3.2-1b", llama(16, 2048, 32, 8, 8192, 128_256, tied: true)),
            (
                "llama-3.2-3b",
                llama(28, 3072, 24, 8, 8192, 128_256, tied: true) + ",head-dimension=128"
            ),
            ("mistral-7b", shape("mistral", 32, 4096, 32, 8, 14_336, 32_000)),
            ("smollm2-135m", llama(30, 576, 9, 3, 1536, 49_152, tied: true)),
            ("smollm2-360m", llama(32, 960, 15, 5, 2560, 49_152, tied: true)),
            ("smollm2-1.7b", llama(24, 2048, 32, 32, 8192, 49_152, tied: true)),
            ("qwen2.5-0.5b", qwen(24, 896, 14, 2, 4864, 151_936, tied: true)),
            ("qwen2.5-1.5b", qwen(28, 1536, 12, 2, 8960, 151_936, tied: true)),
            ("qwen2.5-3b", qwen(36, 2048, 16, 2, 11_008, 151_936, tied: true)),
            ("qwen2.5-7b", qwen(28, 3584, 28, 4, 18_944, 152_064)),
            ("qwen2.5-14b", qwen(48, 5120, 40, 8, 13_824, 152_064)),
            ("qwen2.5-32b", qwen(64, 5120, 40, 8, 27_648, 152_064)),
            ("qwen2.5-72b", qwen(80, 8192, 64, 8, 29_568, 152_064)),
            ("pythia-70m", pythia(6, 512, 8, 50_304)), ("pythia-160m", pythia(12, 768, 12, 50_304)),
            ("pythia-410m", pythia(24, 1024, 16, 50_304)),
            ("pythia-1b", pythia(16, 2048, 8, 50_304)),
            ("pythia-1.4b", pythia(24, 2048, 16, 50_304)),
            ("pythia-2.8b", pythia(32, 2560, 32, 50_304)),
            ("pythia-6.9b", pythia(32, 4096, 32, 50_432)),
            ("pythia-12b", pythia(36, 5120, 40, 50_688)),
        ]

    private static func shape(
        _ family: String, _ layers: Int, _ width: Int, _ heads: Int, _ keyValueHeads: Int?,
        _ feedForward: Int, _ vocabulary: Int, tied: Bool = false
    ) -> String {
        "family=\(family),layers=\(layers),width=\(width),heads=\(heads),"
            + (keyValueHeads.map { "kv-heads=\($0)," } ?? "")
            + "feed-forward=\(feedForward),vocabulary=\(vocabulary),tied=\(tied ? "yes" : "no")"
    }

    private static func gpt(
        _ layers: Int, _ width: Int, _ heads: Int, positions: Int = 1024
    ) -> String {
        shape("gpt2", layers, width, heads, nil, 4 * width, 50_257, tied: true)
            + ",positions=\(positions)"
    }

    private static func llama(
        _ layers: Int, _ width: Int, _ heads: Int, _ keyValueHeads: Int, _ feedForward: Int,
        _ vocabulary: Int, tied: Bool = false
    ) -> String {
        shape("llama", layers, width, heads, keyValueHeads, feedForward, vocabulary, tied: tied)
    }

    private static func qwen(
        _ layers: Int, _ width: Int, _ heads: Int, _ keyValueHeads: Int, _ feedForward: Int,
        _ vocabulary: Int, tied: Bool = false
    ) -> String {
        shape("qwen2", layers, width, heads, keyValueHeads, feedForward, vocabulary, tied: tied)
    }

    private static func pythia(
        _ layers: Int, _ width: Int, _ heads: Int, _ vocabulary: Int
    ) -> String {
        shape("gpt_neox", layers, width, heads, nil, 4 * width, vocabulary)
    }
}
