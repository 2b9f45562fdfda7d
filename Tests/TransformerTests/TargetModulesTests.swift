import Adapters
import ModelFiles
import Testing

/// `--targets` means the same in every family.
@Suite struct TargetModulesTests {
    @Test(arguments: [
        (DecoderFamily.llama, "q,v", "q_proj,v_proj"),
        (DecoderFamily.llama, " o , up_proj, gate ", "gate_proj,o_proj,up_proj"),
        (DecoderFamily.llama, "q,q_proj", "q_proj"), (DecoderFamily.gptJ, "o,up", "fc_in,out_proj"),
        (DecoderFamily.gptNeoX, "qkv,down", "dense_4h_to_h,query_key_value"),
        (DecoderFamily.phi3, "gate-up,o", "gate_up_proj,o_proj"),
        // Both blocks of GPT-2 end with a c_proj.
        (DecoderFamily.gpt2, "o", "attn.c_proj"), (DecoderFamily.gpt2, "down", "mlp.c_proj"),
        (DecoderFamily.gpt2, "c_proj", "c_proj"), (DecoderFamily.phi3, "all-linear", "all-linear"),
    ])
    func shortNamesStandForModules(family: DecoderFamily, flag: String, modules: String) throws {
        #expect(try TargetModules(flag: flag, of: family).description == modules)
    }

    @Test(arguments: [
        (
            DecoderFamily.gpt2, "v",
            "'v' is a part of c_attn, which is adapted as a whole. Write qkv"
        ),
        (DecoderFamily.phi3, "up", "'up' is a part of gate_up_proj, which is adapted as a whole"),
        (DecoderFamily.gptJ, "gate", "'gate' matches no projection of this model. Choose among"),
        (DecoderFamily.llama, "qkv", "'qkv' matches no projection of this model. Choose among"),
    ])
    func whatAFamilyLacksIsRefused(family: DecoderFamily, flag: String, text: String) {
        let fault = #expect(throws: AdapterError.self) { try TargetModules(flag: flag, of: family) }
        let told = [fault?.problem, fault?.hint].compactMap { $0 }.joined(separator: ". ")
        #expect(told.hasPrefix(text), "\(told)")
    }

    /// What nobody chose is what the short names say.
    @Test(arguments: [
        (DecoderFamily.llama, "q,v"), (DecoderFamily.gptJ, "q,v"), (DecoderFamily.gpt2, "qkv"),
        (DecoderFamily.gptNeoX, "qkv"), (DecoderFamily.phi3, "qkv"),
    ])
    func theDefaultIsWhatHelpSays(family: DecoderFamily, flag: String) throws {
        #expect(try TargetModules(flag: flag, of: family) == .standard(family))
    }
}
