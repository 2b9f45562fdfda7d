import Adapters
import Foundation
import JSON
import ModelFiles
import TestSupport
import Testing
import Transformer

/// Adapters that other trainers have made: used as PEFT uses them, or refused by name.
@Suite struct AdapterFilesTests {
    private static let base = Tool.fixtures + "/tiny-llama"
    private let configuration: DecoderConfiguration

    init() throws { configuration = try BaseModel.open(path: Self.base).configuration }

    /// Calls `body` with a copy of `tiny-llama`'s adapter of `q_proj` and `v_proj` whose
    /// `adapter_config.json` has these members in place of its own.
    private func withAdapter<Result>(
        _ members: [(String, JSONValue)] = [], _ body: (String) throws -> Result
    ) throws -> Result {
        let tool = try Tool()
        defer { tool.remove() }
        let folder = tool.scratch + "/adapter"
        try FileManager.default.copyItem(atPath: Self.base + "/adapter-qv", toPath: folder)
        let path = folder + "/adapter_config.json"
        guard case .object(var object) = try JSONValue.read(path: path) else {
            throw CancellationError()
        }
        for (key, value) in members { object.set(key, value) }
        try Data(JSONValue.object(object).encoded()).write(to: URL(fileURLWithPath: path))
        return try body(folder)
    }

    private func refusal(_ members: [(String, JSONValue)]) throws -> String {
        try withAdapter(members) { folder in
            let error = try #require(throws: (any Error).self) {
                try PEFTAdapter(folder: folder, model: configuration)
            }
            return "\(error)"
        }
    }

    private static func list(_ names: String...) -> JSONValue { .array(names.map { .text($0) }) }

    private static let pairs = 2 * 3  // Two projections of three layers.

    // MARK: Targets

    /// Every way to say what `adapter-qv` has.
    @Test(
        arguments: [
            [("target_modules", list("q_proj", "v_proj"))],
            [("target_modules", list("self_attn.q_proj", "self_attn.v_proj"))],
            [("target_modules", .text(#".*\.(q|v)_proj"#))],
            [
                (
                    "target_modules",
                    .text(#"(?P<stem>model\.layers\.\d+)\.self_attn\.(?P<kind>[qv])_proj"#)
                )
            ],
            [("target_modules", .text(#"(?!.*mlp)(?!.*[ko]_proj).*_proj"#))],
            [
                ("target_modules", list("q_proj", "v_proj", "k_proj")),
                ("exclude_modules", list("k_proj")),
            ],
            [
                ("target_modules", .text("ALL-linear")),
                ("exclude_modules", .text(#".*mlp.*|.*[ko]_proj"#)),
            ],
            [
                ("target_modules", list("q_proj", "v_proj")),
                ("layers_to_transform", .array([.integer(2), .integer(0), .integer(1)])),
                ("layers_pattern", .text("layers")),
            ],
        ] as [[(String, JSONValue)]])
    func targetsAreReadAsPEFTReadsThem(_ members: [(String, JSONValue)]) throws {
        try withAdapter(members) { folder in
            let adapter = try PEFTAdapter(folder: folder, model: configuration)
            #expect(adapter.parameters.layout.pairs.count == Self.pairs)
            #expect(adapter.remarks.isEmpty)
        }
    }

    @Test func namesOfOtherFamiliesAreToldAndNoError() throws {
        let names = Self.list("q_proj", "c_attn", "v_proj", "query_key_value")
        try withAdapter([("target_modules", names)]) { folder in
            let adapter = try PEFTAdapter(folder: folder, model: configuration)
            #expect(adapter.parameters.layout.pairs.count == Self.pairs)
            #expect(
                adapter.remarks == [
                    "\(folder)/adapter_config.json: target_modules c_attn, query_key_value match "
                        + "nothing in this model"
                ])
        }
    }

    @Test(
        arguments: [
            ([("target_modules", list("c_attn", "c_proj"))], "'c_attn' matches no projection"),
            ([("target_modules", .text("q_proj"))], "'q_proj' matches no projection"),
            ([("target_modules", .text("(q_proj"))], "cannot be compiled"),
            ([("target_modules", list("q_proj", "v_proj", "lm_head"))], "means lm_head too"),
            ([("target_modules", .text(".*embed.*|.*q_proj"))], "means model.embed_tokens too"),
            ([("target_modules", .null)], "target_modules must be a list of names or a pattern"),
            ([("target_modules", .array([.integer(1)]))], "target_modules must be a list"),
            ([("exclude_modules", list("v_proj"))], "v_proj.lora_A.weight belongs to no target"),
            (
                [("layers_to_transform", .integer(1))],
                "layers.0.self_attn.q_proj.lora_A.weight belongs"
            ),
            (
                [("layers_to_transform", .integer(1)), ("layers_pattern", list("h"))],
                "matches no projection"
            ),
            (
                [("target_modules", .text(".*[qv]_proj")), ("layers_to_transform", .integer(1))],
                "layers_to_transform needs a list of names"
            ),
        ] as [([(String, JSONValue)], String)])
    func targetsThatCannotBeMeantAreRefused(
        _ members: [(String, JSONValue)], _ problem: String
    ) throws {
        let found = try refusal(members)
        #expect(found.contains(problem), "\(found)")
    }

    /// A model's own `adapter_config.json` keeps what restricts the targets.
    @Test func restrictionsAreWrittenAgain() throws {
        let members: [(String, JSONValue)] = [
            ("exclude_modules", Self.list("o_proj")), ("layers_pattern", .text("layers")),
            ("layers_to_transform", .array([.integer(0), .integer(2)])),
        ]
        try withAdapter(members) { folder in
            let path = folder + "/adapter_config.json"
            let read = try AdapterConfiguration(path: path)
            try Data(read.json()).write(to: URL(fileURLWithPath: path))
            #expect(try AdapterConfiguration(path: path) == read)
            #expect(read.modules.layers == [0, 2])
            #expect(read.modules.excluded == .names(["o_proj"]))
        }
    }

    // MARK: Members

    @Test(arguments: [
        ("use_dora", JSONValue.boolean(true)), ("use_rslora", .boolean(true)),
        ("use_qalora", .boolean(true)), ("lora_bias", .boolean(true)), ("bias", .text("all")),
        ("bias", .text("lora_only")), ("modules_to_save", list("lm_head")),
        ("trainable_token_indices", .array([.integer(3)])),
        ("target_parameters", list("mlp.experts.gate_up_proj")),
        ("layer_replication", .array([.array([.integer(0), .integer(2)])])),
        ("alora_invocation_tokens", .array([.integer(7)])),
        ("rank_pattern", .object(JSONObject([("q_proj", .integer(8))]))),
        ("alpha_pattern", .object(JSONObject([("q_proj", .integer(8))]))),
        ("init_lora_weights", .text("pissa")), ("init_lora_weights", .text("pissa_niter_16")),
        ("init_lora_weights", .text("olora")), ("init_lora_weights", .text("corda")),
        ("init_lora_weights", .text("loftq")), ("init_lora_weights", .text("lora_ga")),
        ("megatron_config", .object(JSONObject([("tp", .integer(2))]))),
        ("kasa_config", .object(JSONObject([("beta", .number(0.1))]))),
        ("a_key_of_tomorrow", .text("on")), ("a_key_of_tomorrow", .number(0.5)),
    ])
    func aMemberThatChangesWhatIsComputedIsRefused(_ key: String, _ value: JSONValue) throws {
        let found = try refusal([(key, value)])
        #expect(found.contains("adapter_config.json: \(key) is "), "\(found)")
        #expect(found.contains("not supported. "), "\(found)")
    }

    @Test(arguments: [
        ("use_dora", JSONValue.boolean(false)), ("modules_to_save", .null),
        ("rank_pattern", .object(JSONObject([]))), ("init_lora_weights", .text("gaussian")),
        ("init_lora_weights", .boolean(false)), ("qalora_group_size", .integer(16)),
        ("task_type", .text("CAUSAL_LM")), ("a_key_of_tomorrow", .boolean(false)),
        ("inference_mode", .boolean(false)), ("fan_in_fan_out", .boolean(true)),
        ("auto_mapping", .object(JSONObject([("base_model_class", .text("A"))]))),
        ("layers_to_transform", .null), ("exclude_modules", .array([])),
    ])
    func aMemberThatChangesNothingIsPassedOver(_ key: String, _ value: JSONValue) throws {
        try withAdapter([(key, value)]) { folder in
            _ = try PEFTAdapter(folder: folder, model: configuration)
        }
    }

    // MARK: Other forms

    private func expectRefusal(
        _ path: String, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let error = try #require(throws: AdapterError.self, sourceLocation: sourceLocation) {
            _ = try PEFTAdapter(
                folder: try PEFTAdapter.folder(at: path), model: configuration)
        }
        for part in parts {
            #expect(
                "\(error)".contains(part), "\(error)",
                sourceLocation: sourceLocation)
        }
    }

    @Test func picklesAreRefusedWithTheLineThatConvertsThem() throws {
        try withAdapter { folder in
            try FileManager.default.moveItem(
                atPath: folder + "/adapter_model.safetensors",
                toPath: folder + "/adapter_model.bin")
            try expectRefusal(
                folder, "pickled in adapter_model.bin", "python3 -c", "weights_only=True")
            try FileManager.default.removeItem(atPath: folder + "/adapter_model.bin")
            try expectRefusal(folder, "but no adapter_model.safetensors")
        }
    }

    @Test func adaptersOfMLXAreRefusedWithWhatToDo() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let config = tool.scratch + "/adapter_config.json"
        try """
        {"fine_tune_type": "lora", "num_layers": 16,
         "lora_parameters": {"rank": 8, "scale": 20.0, "dropout": 0.0}}
        """.write(toFile: config, atomically: false, encoding: .utf8)
        try Data().write(to: URL(fileURLWithPath: tool.scratch + "/adapters.safetensors"))
        try expectRefusal(tool.scratch, "is an adapter of MLX", "scale · rank", "transposed")
        try FileManager.default.removeItem(atPath: config)
        try expectRefusal(tool.scratch, "is an adapter of MLX")
    }

    @Test func ggufAdaptersAndFilesAreRefused() throws {
        let tool = try Tool()
        defer { tool.remove() }
        for name in ["a.gguf", "adapter_model.safetensors"] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: tool.scratch + "/" + name))
        }
        try expectRefusal(tool.scratch + "/a.gguf", "GGUF", "convert_lora_to_gguf.py")
        try expectRefusal(
            tool.scratch + "/adapter_model.safetensors", "is a file", "Give the folder")
        try expectRefusal(tool.scratch + "/none", "does not exist")
        try expectRefusal(tool.scratch, "a.gguf", "GGUF")
    }

    /// A member of another variant, e.g. DoRA's magnitudes, is never left out without a word.
    @Test func everyTensorMustBelongToAModule() throws {
        try withAdapter { folder in
            let path = folder + "/adapter_model.safetensors"
            let file = try SafetensorsFile(path: path)
            var tensors = try file.names.map { name in
                let stored = try file.tensor(name)
                return (
                    declaration: SafetensorsDeclaration(name: name, shape: stored.shape),
                    bytes: withExtendedLifetime(stored.file) { [UInt8](stored.bytes) }
                )
            }
            let name =
                "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight"
            tensors.append(
                (SafetensorsDeclaration(name: name, shape: [1]), [0, 0, 0, 0]))
            try Data(SafetensorsWriter.bytes(tensors: tensors, metadata: ["format": "pt"]))
                .write(to: URL(fileURLWithPath: path))
            let error = try #require(throws: AdapterError.self) {
                try PEFTAdapter(folder: folder, model: configuration)
            }
            #expect("\(error)".contains(name), "\(error)")
        }
    }
}
