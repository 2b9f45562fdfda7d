import Faults
import Foundation
import ModelFiles
import Testing

/// Keys of `config.json` that nobody reads: refused where they would change what is computed, told
/// where transformers does not know them either.
@Suite struct UnusedConfigurationTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Opens a folder with this `config.json` and no weights, on which an accepted one fails.
    private func refusal(_ config: String) throws -> ModelFileError {
        try folder.write("config.json", config)
        return try #require(throws: ModelFileError.self) { try BaseModel.open(path: folder.path) }
    }

    /// Model type, a member that changes nothing and one that changes what is computed.
    @Test(arguments: [
        ("llama", #""residual_multiplier": 1.0"#, #""residual_multiplier": 0.22"#),
        ("llama", #""embedding_multiplier": 1"#, #""embedding_multiplier": 12"#),
        ("llama", #""logits_scaling": null"#, #""logits_scaling": 8"#),
        // 128 numbers a head.
        (
            "llama", #""attention_multiplier": 0.08838834764831845"#,
            #""attention_multiplier": 0.015625"#
        ),
        ("llama", #""num_local_experts": 0"#, #""num_local_experts": 8"#),
        ("llama", #""sliding_window": 2048"#, #""sliding_window": 2047"#),
        ("llama", #""no_rope_layers": [1, 1]"#, #""no_rope_layers": [1, 0]"#),
        ("llama", #""final_logit_softcapping": null"#, #""final_logit_softcapping": 30"#),
        ("llama", #""rope_interleaved": false"#, #""rope_interleaved": true"#),
        ("llama", #""qk_norm": false"#, #""qk_norm": true"#),
        (
            "llama", #""use_bidirectional_attention": false"#,
            #""use_bidirectional_attention": true"#
        ),
        ("mistral", #""attention_bias": false"#, #""attention_bias": true"#),
        ("phi3", #""attention_bias": false"#, #""attention_bias": true"#),
        ("gpt2", #""rope_scaling": null"#, #""rope_scaling": {"type": "linear", "factor": 2}"#),
        ("gpt2", #""head_dim": 64"#, #""head_dim": 32"#),
        ("gptj", #""rope_theta": 10000.0"#, #""rope_theta": 500000"#),
        ("gpt_neox", #""hidden_activation": "gelu""#, #""hidden_activation": "silu""#),
        ("qwen2", #""attention_bias": false"#, #""mlp_bias": true"#),
        ("gemma", #""query_pre_attn_scalar": 256"#, #""query_pre_attn_scalar": 144"#),
    ])
    func aKeyIsPassedOverOnlyWhereItChangesNothing(
        _ type: String, _ neutral: String, _ effective: String
    ) throws {
        let accepted = try refusal(#"{"model_type": "\#(type)", \#(neutral)}"#)
        #expect(accepted.description.contains("neither model.safetensors"), "\(accepted)")
        let refused = try refusal(#"{"model_type": "\#(type)", \#(effective)}"#).description
        let key = try #require(effective.split(separator: "\"").first)
        #expect(refused.contains("config.json: \(key) "), "\(refused)")
        #expect(refused.contains("is not supported for model_type '\(type)'"), "\(refused)")
    }

    @Test(arguments: [
        (#""layer_types": ["full_attention", "full_attention"]"#, true),
        (#""layer_types": ["full_attention", "sliding_attention"]"#, false),
        (#""layer_types": ["full_attention"]"#, false),
        (
            #""layer_types": ["full_attention", "sliding_attention"], "use_sliding_window": true"#,
            true
        ),
    ])
    func layerTypesAgreeWithTheWindows(_ member: String, _ accepted: Bool) throws {
        let found = try refusal(
            #"{"model_type": "qwen2", "num_hidden_layers": 2, \#(member)}"#
        ).description
        #expect(found.contains("neither model.safetensors") == accepted, "\(found)")
        #expect(found.contains("layer_types") != accepted, "\(found)")
    }

    /// The rotation's section, and what is said of it; nothing where it is taken.
    @Test(
        arguments: [
            (#"{"factor": 4.0}"#, "factor 4.0 means nothing to rope_type 'default', which counts"),
            (
                #"{"rope_type": "default", "factor": 2}"#,
                "factor 2 means nothing to rope_type 'default'"
            ),
            (#"{"rope_type": "default", "factor": 1.0}"#, nil),
            (
                #"{"rope_type": "linear", "factor": 2, "attention_factor": 1.2}"#,
                "attention_factor 1.2 means nothing to rope_type 'linear'"
            ),
            (#"{"rope_type": "linear", "factor": 2, "attention_factor": null}"#, nil),
            (
                #"{"rope_type": "default", "mrope_section": [8, 4]}"#,
                "mrope_section an array of 2 means nothing"
            ),
            (#"{"rope_type": "linear", "type": "yarn", "factor": 2}"#, "but type is 'yarn'"),
            (#"{"rope_type": "dynamic", "factor": 2}"#, "rope_type 'dynamic' is not supported"),
            (#"{"rope_type": "linear", "type": "linear", "factor": 2}"#, nil),
        ] as [(String, String?)])
    func aRotationIsUsedOrRefused(_ section: String, _ problem: String?) throws {
        for key in ["rope_scaling", "rope_parameters"] {
            let found = try refusal(#"{"model_type": "llama", "\#(key)": \#(section)}"#).description
            #expect(found.contains(problem ?? "neither model.safetensors"), "\(found)")
        }
    }

    /// `rope_parameters`, `rope_scaling` and what stands beside them: different members, one rotation or
    /// two.
    @Test(arguments: [
        (#"{"rope_type": "default", "rope_theta": 10000}"#, #"{"rope_type": "default"}"#, "", true),
        (#"{"rope_theta": 10000.0}"#, #"{"type": "default", "factor": 1.0}"#, "", true),
        (#"{"rope_type": "default"}"#, #"{"type": "linear", "factor": 1.0}"#, "", true),
        (
            #"{"rope_type": "linear", "factor": 2}"#, #"{"type": "linear", "factor": 2.0}"#, "",
            true
        ),
        (#"{"rope_type": "default", "rope_theta": 5e5}"#, "{}", "", true),
        (
            #"{"rope_type": "default", "rope_theta": 5e5}"#, #"{"rope_type": "default"}"#,
            #", "rope_theta": 500000.0"#, true
        ),
        // The older one has the family's base alone.
        (
            #"{"rope_type": "default", "rope_theta": 5e5}"#, #"{"rope_type": "default"}"#, "",
            false
        ),
        (
            #"{"rope_type": "linear", "factor": 2}"#, #"{"type": "linear", "factor": 4}"#, "",
            false
        ),
    ])
    func rotationsAreComparedAndNotTheirMembers(
        _ newer: String, _ older: String, _ beside: String, _ isSame: Bool
    ) throws {
        let found = try refusal(
            #"{"model_type": "llama", "rope_parameters": \#(newer), "rope_scaling": \#(older)\#(beside)}"#
        ).description
        let part = isSame ? "neither model.safetensors" : "are two different things"
        #expect(found.contains(part), "\(found)")
    }

    @Test func rotationsThatContradictEachOtherAreRefused() throws {
        let linear = #"{"rope_type": "linear", "factor": 2, "rope_theta": 1e4}"#
        let both = #""rope_parameters": \#(linear), "rope_scaling": "#
        let same = try refusal(#"{"model_type": "llama", \#(both)\#(linear)}"#)
        #expect(same.description.contains("neither model.safetensors"), "\(same)")
        let other = try refusal(#"{"model_type": "llama", \#(both){"type": "default"}}"#)
        #expect(other.description.contains("are two different things"), "\(other)")
        let stretched = try refusal(
            #"{"model_type": "gemma3_text", "rope_parameters": {"full_attention": "#
                + #"{"rope_type": "default"}}, "rope_scaling": {"type": "linear", "factor": 8}}"#)
        #expect(stretched.description.contains("are two different things"), "\(stretched)")
        let bases = try refusal(
            #"{"model_type": "gpt_neox", "rotary_emb_base": 10000, "rope_theta": 20000}"#)
        #expect(bases.description.contains("are two numbers"), "\(bases)")
    }

    @Test(arguments: [
        (#""quantization_config": {"quant_method": "gptq", "bits": 4}"#, "(gptq)"),
        (#""quantization_config": {"quant_method": "bitsandbytes"}"#, "(bitsandbytes)"),
        (#""quantization": {"group_size": 64, "bits": 4}"#, "quantization is not supported"),
    ])
    func quantisedWeightsAreRefusedByTheirMethod(_ member: String, _ part: String) throws {
        let found = try refusal(#"{"model_type": "llama", \#(member)}"#).description
        #expect(found.contains(part), "\(found)")
    }

    private func open(_ name: String, with members: String) throws -> BaseModel {
        let model = "\(folder.path)/model"
        try? FileManager.default.removeItem(atPath: model)
        try FileManager.default.copyItem(atPath: Fixture.shared(name), toPath: model)
        let config = try String(contentsOfFile: model + "/config.json", encoding: .utf8)
        let start = try #require(config.firstIndex(of: "{"))
        try ("{" + members + config[config.index(after: start)...])
            .write(toFile: model + "/config.json", atomically: false, encoding: .utf8)
        return try BaseModel.open(path: model)
    }

    @Test func unknownKeysAreToldOnce() throws {
        let plain = try BaseModel.open(path: Fixture.shared("tiny-llama"))
        #expect(plain.remarks.isEmpty && plain.trainingRemarks.isEmpty)
        let model = try open(
            "tiny-llama",
            with: #""auto_map": {"A": "b.C"}, "flux": 3, "_private": 1, "off": false,"#)
        #expect(model.remarks == ["\(folder.path)/model/config.json: not used: auto_map, flux"])
        #expect(model.configuration == plain.configuration)
    }

    @Test func dropoutIsToldByName() throws {
        let model = try open("tiny-llama", with: #""resid_pdrop": 0.1, "embd_pdrop": 0.0,"#)
        #expect(model.remarks.isEmpty)
        #expect(model.trainingRemarks.count == 1)
        #expect(model.trainingRemarks.first?.contains("resid_pdrop 0.1 (") == true)
    }
}
