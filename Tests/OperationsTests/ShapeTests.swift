import Faults
import ModelFiles
import Operations
import Testing

@Suite struct ShapeTests {
    /// Counted with transformers 5 from the published configurations (on its meta device), but for
    /// GPT-3: 12·96·12288² weights, 96·13·12288 norms and biases, (50257 + 2048 + 2)·12288.
    @Test(arguments: [
        ("gpt2", 124_439_808), ("gpt2-medium", 354_823_168), ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200), ("gpt3-175b", 174_604_259_328), ("gpt-j-6b", 6_050_882_784),
        ("llama-7b", 6_738_415_616), ("llama-13b", 13_015_864_320),
        ("llama-30b", 32_528_943_616), ("llama-65b", 65_285_660_672),
        ("llama-2-7b", 6_738_415_616), ("llama-2-13b", 13_015_864_320),
        ("llama-2-70b", 68_976_648_192), ("llama-3-8b", 8_030_261_248),
        ("llama-3-70b", 70_553_706_496), ("llama-3.2-1b", 1_235_814_400),
        ("llama-3.2-3b", 3_212_749_824), ("mistral-7b", 7_241_732_096),
        ("smollm2-135m", 134_515_008), ("smollm2-360m", 361_821_120),
        ("smollm2-1.7b", 1_711_376_384), ("qwen2.5-0.5b", 494_032_768),
        ("qwen2.5-1.5b", 1_543_714_304), ("qwen2.5-3b", 3_085_938_688),
        ("qwen2.5-7b", 7_615_616_512), ("qwen2.5-14b", 14_770_033_664),
        ("qwen2.5-32b", 32_763_876_352), ("qwen2.5-72b", 72_706_203_648),
        ("pythia-70m", 70_426_624), ("pythia-160m", 162_322_944),
        ("pythia-410m", 405_334_016), ("pythia-1b", 1_011_781_632),
        ("pythia-1.4b", 1_414_647_808), ("pythia-2.8b", 2_775_208_960),
        ("pythia-6.9b", 6_857_302_016), ("pythia-12b", 11_846_072_320),
    ])
    func parametersAreThoseOfTheModel(_ name: String, _ parameters: Int) throws {
        #expect(try DecoderConfiguration(shape: name).parameterCount == parameters)
    }

    /// 2·L̂·d_model·r of the LoRA paper, and PEFT's defaults, worked out by hand.
    @Test(arguments: [
        ("gpt3-175b", 4, "q,v", 18_874_368), ("gpt3-175b", 1, "q,v", 4_718_592),
        ("gpt3-175b", 8, "q,v", 37_748_736), ("gpt2", 8, "c_attn", 294_912),
        ("gpt2", 8, "qkv", 294_912),
        ("llama-7b", 8, "q_proj,v_proj", 4_194_304), ("gpt-j-6b", 8, "v,q", 3_670_016),
        ("gpt2-medium", 4, "q,v", 393_216),
        // 30 layers of 8·(576 + 576) and 8·(576 + 192).
        ("smollm2-135m", 8, "q,v", 460_800),
        // Both c_proj, as PEFT's suffixes mean it: 12 layers of 2·(768 + 768) and 2·(3072 + 768).
        ("gpt2", 2, "c_proj", 12 * 2 * (1536 + 3840)),
        ("gpt2", 2, "mlp.c_proj", 12 * 2 * 3840),
        // 30 · 4 · (3·(576 + 1536) + 2·(576 + 576) + 2·(576 + 192)).
        ("smollm2-135m", 4, "all-linear", 30 * 4 * (6336 + 2304 + 1536)),
    ])
    func trainableParametersAreThoseOfThePaper(
        _ name: String, _ rank: Int, _ targets: String, _ parameters: Int
    ) throws {
        let plan = try ShapePlan(
            shape: DecoderConfiguration(shape: name), adapterRank: rank, targets: targets)
        #expect(plan.trainableParameters == parameters)
    }

    @Test func sizesOfThePapersAdapter() throws {
        let plan = try ShapePlan(
            shape: DecoderConfiguration(shape: "gpt3-175b"), adapterRank: 4, targets: "q,v")
        #expect(plan.adapterBytes(bytesPerParameter: 2) == 36 << 20)
        #expect(plan.adapterBytes(bytesPerParameter: 4) == 72 << 20)
        // Three float32 arrays and 96 layers of 2 projections of 2 exponents.
        #expect(plan.checkpointBytes == (3 * 72 << 20) + 96 * 4 * 8)
        #expect(plan.fullFineTuningBytes == 16 * 174_604_259_328)
        #expect(plan.baseBytes(.bfloat16) == 2 * 174_604_259_328)
        #expect(plan.bytesPerStep.reduced == 8 * 18_874_368)
        #expect(plan.bytesPerStep.broadcast == 4 * 18_874_368)
    }

    @Test func fourBitsCountBlocksAndKeepVectors() throws {
        let shape = try DecoderConfiguration(
            shape: "layers=1,width=64,heads=2,feed-forward=96,vocabulary=32,tied=yes")
        // 32·64 + 4·64² + 3·64·96 = 36,864 elements in 1,152 blocks; 3 norms of 64.
        let plan = try ShapePlan(shape: shape, adapterRank: 1, targets: "q")
        #expect(shape.matrixParameters == 36_864)
        #expect(plan.baseBytes(.fourBit) == 1152 * 18 + 4 * 192)
    }

    /// SmolLM2-135M's `config.json` says these numbers.
    @Test func aConfigurationOnDiskGivesTheSameAsItsName() throws {
        let configuration = DecoderConfiguration(
            modelType: "llama", vocabularySize: 49_152, width: 576, layerCount: 30, headCount: 9,
            keyValueHeadCount: 3, headDimension: 64, feedForwardWidth: 1536,
            maximumPositions: 8192, normEpsilon: 1e-5,
            rotary: RotaryConfiguration(theta: 100_000), tiedEmbeddings: true, bosToken: 1,
            eosTokens: [2])
        for text in [
            "smollm2-135m",
            "layers=30, width=576, heads=9, kv-heads=3, feed-forward=1536, vocabulary=49152, tied=yes",
        ] {
            let shape = try DecoderConfiguration(shape: text)
            #expect(shape.parameterCount == configuration.parameterCount)
            #expect(shape.family == configuration.family)
        }
    }

    /// Counted by hand from the published configurations; transformers counts the same.
    @Test(arguments: [
        (
            // Heads of 256 and a tied output are the family's.
            "family=gemma2,layers=26,width=2304,heads=8,kv-heads=4,feed-forward=9216,"
                + "vocabulary=256000", 2_614_341_888
        ),
        (
            // 1024 positions are the family's.
            "family=gpt2,layers=12,width=768,heads=12,feed-forward=3072,vocabulary=50257",
            124_439_808
        ),
        (
            "family=gemma3_text,layers=26,width=1152,heads=4,kv-heads=1,head-dimension=256,"
                + "feed-forward=6912,vocabulary=262144,tied=yes", 999_885_952
        ),
        (
            "family=phi3,layers=32,width=3072,heads=32,feed-forward=8192,vocabulary=32064",
            3_821_079_552
        ),
        (
            "family=qwen3,layers=28,width=1024,heads=16,kv-heads=8,head-dimension=128,"
                + "feed-forward=3072,vocabulary=151936,tied=yes", 596_049_920
        ),
        // As it was written before the families of files were taken.
        (
            "family=gptneox,layers=6,width=512,heads=8,feed-forward=2048,vocabulary=50304",
            70_426_624
        ),
    ])
    func everyFamilyOfFilesCanBeAShape(_ text: String, _ parameters: Int) throws {
        #expect(try DecoderConfiguration(shape: text).parameterCount == parameters)
    }

    /// A part of a fused projection: gate alone of Phi-3, 32 layers of 2·(3072 + 8192).
    @Test func partsOfGateAndUpCanBeTargets() throws {
        let shape = try DecoderConfiguration(
            shape: "family=phi3,layers=32,width=3072,heads=32,feed-forward=8192,vocabulary=32064")
        let plan = try ShapePlan(shape: shape, adapterRank: 2, targets: "gate")
        #expect(plan.trainableParameters == 32 * 2 * (3072 + 8192))
    }

    @Test(arguments: [
        "gpt5", "", "layers=3", "layers=x,width=8,heads=2,feed-forward=8,vocabulary=9",
        "layers=1,width=9,heads=2,feed-forward=8,vocabulary=9",
        "layers=1,width=8,heads=2,feed-forward=8,vocabulary=9999999999999999999",
        "layers=1,layers=1,width=8,heads=2,feed-forward=8,vocabulary=9", "depth=3", "layers",
        "layers=1,width=8,heads=4,kv-heads=3,feed-forward=8,vocabulary=9",
        "layers=1,width=8,heads=4,feed-forward=8,vocabulary=9,tied=perhaps",
        "layers=1,width=8,heads=4,feed-forward=8,vocabulary=9,family=rnn",
        "layers=1,width=8,heads=4,kv-heads=2,feed-forward=8,vocabulary=9,family=gpt2",
        "layers=1,width=8,heads=9999,head-dimension=99999,feed-forward=8,vocabulary=9",
    ])
    func wrongShapesAreRefused(_ text: String) {
        #expect(throws: OperationsError.self) { try DecoderConfiguration(shape: text) }
    }

    @Test(arguments: ["", "z", "q,z", "attn.c_attn,q", "qkv,v", "c_proj.x"])
    func wrongTargetsAreRefused(_ targets: String) throws {
        let shape = try DecoderConfiguration(shape: "gpt2")
        #expect(throws: OperationsError.self) {
            try ShapePlan(shape: shape, adapterRank: 1, targets: targets)
        }
    }

    @Test(arguments: [0, -1, 3073])
    func wrongRanksAreRefused(_ rank: Int) throws {
        let shape = try DecoderConfiguration(shape: "gpt2")
        #expect(throws: OperationsError.self) {
            try ShapePlan(shape: shape, adapterRank: rank, targets: "q")
        }
    }
}
