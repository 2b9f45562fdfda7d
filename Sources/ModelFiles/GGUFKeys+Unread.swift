import Words

extension GGUFKeys {
    /// Refuses every key of the architecture that no reader has asked for, unless its value changes
    /// nothing.
    ///
    /// - Throws: ``ModelFileError`` naming the first such key.
    func refuseUnread(_ decoder: DecoderConfiguration) throws(ModelFileError) {
        for (key, value) in unread {
            if let neutral = Self.neutral[key], neutral.allows(PlainSetting(value), decoder) {
                continue
            }
            throw failure(
                key,
                "is \(value.shown), which is not supported for architecture "
                    + architecture.quoted,
                hint: Self.neutral[key] == nil
                    ? "It is not known here what the key does; take it out of the file if it "
                        + "changes nothing" : "Use another model, or a file converted without it")
        }
    }

    /// Keys that change what is computed, and the values with which they do not; those that never
    /// do. A key that stands nowhere here is never passed over.
    ///
    /// Source: llama.cpp, `llama-arch.cpp` (names), `llama-model.cpp` and `models/*.cpp` (what is
    /// made of them).
    private static let neutral: [String: NeutralValue] = [
        // Notes, and what only applies to other scalings, norms or heads than the file's own.
        "vocab_size": .always, "tensor_data_layout": .always, "pooling_type": .always,
        "rope.scaling.original_context_length": .always, "rope.scaling.finetuned": .always,
        "rope.scaling.yarn_beta_fast": .always, "rope.scaling.yarn_beta_slow": .always,
        "attention.layer_norm_epsilon": .always, "attention.layer_norm_rms_epsilon": .always,
        "classifier.output_labels": .always, "decoder_start_token_id": .always,
        // How experts are used, of which there are none.
        "expert_used_count": .always, "expert_feed_forward_length": .always,
        "expert_shared_feed_forward_length": .always, "expert_weights_scale": .always,
        "expert_weights_norm": .always, "expert_gating_func": .always,
        "expert_group_count": .always, "expert_group_used_count": .always,
        "expert_group_scale": .always, "experts_per_group": .always,
        "expert_shared_count": .off, "leading_dense_block_count": .off,
        "interleave_moe_layer_step": .off, "moe_every_n_layers": .off, "moe_latent_size": .off,
        "router_logit_softcapping": .always,
        // Sizes.
        "embedding_length_out": .equals { Double($0.width) },
        "embedding_length_per_layer_input": .off, "n_deepstack_layers": .off,
        "nextn_predict_layers": .off, "features_length": .off, "decoder_block_count": .off,
        "attention.key_length_swa": .equals { Double($0.headDimension) },
        "attention.value_length_swa": .equals { Double($0.headDimension) },
        "attention.q_lora_rank": .off, "attention.kv_lora_rank": .off,
        "attention.key_length_mla": .off, "attention.value_length_mla": .off,
        // Scales and limits.
        "logit_scale": .one, "residual_scale": .one, "embedding_scale": .one,
        "attention.output_scale": .one, "attention.value_scale": .one,
        "attention.scale": .equals { 1 / Double($0.headDimension).squareRoot() },
        "attention.temperature_length": .off, "attention.temperature_scale": .off,
        "attn_logit_softcapping": .off, "final_logit_softcapping": .off,
        "attention.max_alibi_bias": .off, "attention.clamp_kqv": .off, "swin_norm": .off,
        "rescale_every_n_layers": .off, "hidden_activation": .off,
        "use_parallel_residual": .matching { $0 == .boolean($1.parallelResidual) },
        // What a query sees.
        "attention.causal": .on,
        "attention.sliding_window": .from { Double($0.maximumPositions) },
        "attention.sliding_window_pattern": .off, "attention.shared_kv_layers": .off,
        "full_attention_interval": .off,
        // Rotation.
        "rope.dimension_count_swa": .equals { Double($0.rotatedDimension) },
        "rope.dimension_sections": .off,
        "rope.freq_base_swa": .equals { $0.rotary.theta },
        "rope.scaling.attn_factor": .one, "rope.scaling.alpha": .off,
        "rope.scaling.yarn_attn_factor": .one, "rope.scaling.yarn_ext_factor": .off,
        "rope.scaling.yarn_log_multiplier": .off,
    ]
}
