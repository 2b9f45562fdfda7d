import JSON
import Words

/// What `config.json` says that is not used here.
struct UnusedConfiguration {
    /// Keys that transformers' class of the model type does not know either.
    private(set) var keys: [String] = []
    /// Dropout that transformers applies while it trains, as `attn_pdrop 0.1`.
    private(set) var dropouts: [String] = []

    init() {}

    /// Looks at every key that nobody has read.
    ///
    /// - Throws: ``ModelFileError`` naming a key whose value would change what is computed.
    init(
        _ reader: ConfigurationObject, _ decoder: DecoderConfiguration,
        _ description: FamilyDescription
    ) throws(ModelFileError) {
        var found = description.dropouts
        for (key, value) in reader.unread {
            let plain = PlainSetting(value)
            if Self.dropouts.contains(key) {
                found.removeAll { $0.key == key }
                if case .number(let share) = plain { found.append((key, share)) }
            } else if let neutral = Self.neutral[key] {
                guard !neutral.allows(plain, decoder) else { continue }
                throw reader.failure(
                    "\(key) \(value.shown) is not supported for model_type "
                        + decoder.modelType.quoted,
                    hint: "Take the key out if the model does not need it: "
                        + "it would change what is computed")
            } else if !plain.isOff, !key.hasPrefix("_"), !Self.notes.contains(key) {
                keys.append(key)
            }
        }
        dropouts = found.filter { $0.share != 0 }.sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.share)" }
    }

    func remarks(path: String) -> [String] {
        keys.isEmpty
            ? [] : ["\(path): not used: \(keys.map(\.onePlainLine).joined(separator: ", "))"]
    }

    func trainingRemarks(path: String) -> [String] {
        guard !dropouts.isEmpty else { return [] }
        return [
            "transformers trains this model with \(dropouts.joined(separator: ", ")) (\(path)); "
                + "this software trains without dropout"
        ]
    }

    private static let dropouts: Set<String> = [
        "attn_pdrop", "embd_pdrop", "resid_pdrop", "attention_dropout", "hidden_dropout",
        "embedding_dropout", "residual_dropout", "resid_dropout", "attn_dropout", "emb_dropout",
        "activation_dropout", "dropout", "ffn_dropout", "mlp_dropout", "hidden_dropout_prob",
        "attention_probs_dropout_prob",
    ]

    /// What tools note, what only generation asks for, what only other heads have.
    private static let notes: Set<String> = [
        "architectures", "dtype", "torch_dtype", "transformers_version", "initializer_range",
        "use_cache", "pad_token_id", "unk_token_id", "sep_token_id", "cls_token_id",
        "mask_token_id", "decoder_start_token_id", "pretraining_tp", "is_decoder",
        "tie_encoder_decoder", "chunk_size_feed_forward", "classifier_dropout", "id2label",
        "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params",
        "output_attentions", "output_hidden_states", "return_dict", "torchscript", "use_bfloat16",
        "gradient_checkpointing", "n_ctx", "reorder_and_upcast_attn", "attn_implementation",
        "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
        "summary_use_proj", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty",
        "length_penalty", "no_repeat_ngram_size", "do_sample", "early_stopping", "max_length",
        "min_length", "num_beams", "num_beam_groups", "num_return_sequences", "diversity_penalty",
        "encoder_no_repeat_ngram_size", "output_scores", "return_dict_in_generate", "prefix",
        "model_name", "name_or_path", "unsloth_version", "unsloth_fixed", "transformers.js_config",
        "eos_token", "bos_token", "pad_token", "tokenizer_class", "eos_token_id", "bos_token_id",
        "attention_softmax_in_fp32",
        "scale_attention_softmax_in_fp32", "max_window_layers", "cache_implementation",
        "is_llama_config",
    ]

    /// Keys that change what is computed in some family, and the values with which they do not.
    /// Families that have such a key read it.
    ///
    /// Source: transformers, `configuration_*.py`.
    private static let neutral: [String: NeutralValue] = [
        // Scales and limits.
        "embedding_multiplier": .one, "residual_multiplier": .one, "logits_scaling": .one,
        "logit_scale": .one, "scale_emb": .one, "scale_depth": .off, "lm_head_multiplier": .one,
        "key_multiplier": .one, "embedding_scale": .one, "scale_embedding": .off,
        "attention_multiplier": .equals { 1 / Double($0.headDimension).squareRoot() },
        "query_pre_attn_scalar": .equals { Double($0.headDimension) },
        "dim_model_base": .equals { Double($0.width) },
        "attn_logit_softcapping": .off, "final_logit_softcapping": .off,
        "attn_logit_softcap": .off, "final_logit_softcap": .off, "logits_soft_cap": .off,
        "clip_qkv": .off, "clamp_kqv": .off, "attn_temperature_tuning": .off,
        "scale_attn_weights": .on, "scale_attn_by_inverse_layer_idx": .off,
        // Parts of a layer.
        "num_local_experts": .off, "num_experts": .off, "n_routed_experts": .off,
        "moe_num_experts": .off, "n_shared_experts": .off,
        "use_qk_norm": .off, "qk_norm": .off, "qk_layernorm": .off, "use_qk_layernorm": .off,
        "attention_bias": .off, "mlp_bias": .off, "use_bias": .off, "qkv_bias": .off,
        "add_bias_linear": .off, "add_qkv_bias": .off, "lm_head_bias": .off, "swin_norm": .off,
        "use_post_norm": .off, "pruned_heads": .off, "add_cross_attention": .off,
        "is_encoder_decoder": .off,
        "use_parallel_residual": .matching { $0 == .boolean($1.parallelResidual) },
        "parallel_attn": .matching { $0 == .boolean($1.parallelResidual) },
        "hidden_act": .matching(isActivation), "hidden_activation": .matching(isActivation),
        "activation_function": .matching(isActivation),
        // Sizes.
        "head_dim": .equals { Double($0.headDimension) },
        "num_key_value_heads": .equals { Double($0.keyValueHeadCount) },
        "num_kv_heads": .equals { Double($0.keyValueHeadCount) }, "multi_query": .off,
        // What a query sees.
        "sliding_window": .from { Double($0.maximumPositions) }, "use_sliding_window": .off,
        "sliding_window_pattern": .one, "interleaved_sliding_window": .off,
        "attention_chunk_size": .off, "layer_types": .matching(isLayerTypes),
        "use_bidirectional_attention": .off, "is_causal": .on,
        // Positions.
        "rope_theta": .equals { $0.rotary.theta }, "rotary_emb_base": .equals { $0.rotary.theta },
        "rope_local_base_freq": .off, "rope_scaling": .off, "rope_parameters": .off,
        "rope_type": .matching { value, _ in value == .text("default") },
        "rope_interleaved": .off, "rope_interleave": .off,
        "partial_rotary_factor": .one, "rotary_pct": .one,
        "rotary_dim": .equals { Double($0.rotatedDimension) },
        "no_rope_layers": .matching { value, _ in
            if case .numbers(let list) = value { list.allSatisfy { $0 == 1 } } else { false }
        },
        "no_rope_layer_interval": .off, "alibi": .off, "use_alibi": .off,
        "position_embedding_type": .matching { value, _ in
            ["absolute", "rope", "rotary"].contains { value == .text($0) }
        },
    ]

    private static let isActivation: @Sendable (PlainSetting, DecoderConfiguration) -> Bool = {
        guard case .text(let name) = $0 else { return false }
        return DecoderConfiguration.Activation(transformersName: name) == $1.activation
    }

    private static let isLayerTypes: @Sendable (PlainSetting, DecoderConfiguration) -> Bool = {
        guard case .texts(let types) = $0, types.count == $1.layerCount else { return false }
        let decoder = $1
        return types.indices.allSatisfy { layer in
            types[layer]
                == (decoder.window(layer: layer) == nil ? "full_attention" : "sliding_attention")
        }
    }
}
