extension ForeignSetting {
    // MARK: Data

    static let data: [ForeignSetting] = flat([
        rows("dataset", [.llamaFactory, .torchtune], "data", paths),
        rows("datasets", .axolotl, "data", paths + "; formats are told from the records"),
        rows("dataset_name train_file", .trl, "data", paths),
        rows("data_path data_files train_data", [.trainer, .trl], "data", paths),
        rows("datasets.path", .axolotl, "data", paths),
        rows("dataset.source dataset.data_files", .torchtune, "data", paths),
        rows(
            "datasets.type dataset_format", .axolotl, "format",
            "or leave it out: it is told from "
                + "the records"),
        rows(
            "dataset_config dataset_train_split dataset_test_split dataset_streaming", .trl, "data",
            paths),
        rows(
            "datasets.split datasets.name datasets.ds_type datasets.data_files", .axolotl, "data",
            paths),
        rows("dataset.split dataset.subset dataset_val.split", .torchtune, "data", paths),
        rows("hf_dataset", .mlx, "data", paths),
        rows(
            "dataset_shard_num dataset_shard_idx", .axolotl, "data",
            "ranks share the work by "
                + "themselves"),
        rows("dataset_dir", .llamaFactory, "data", "paths stand in data itself"),
        rows("pretraining_dataset", .axolotl, "data", "records with text; " + paths),
        rows("interleave_probs", .llamaFactory, "data", "weights stand in data: a.jsonl=2,b.jsonl"),
        rows("mix_strategy", .llamaFactory, "data", "weights stand in data: a.jsonl=2,b.jsonl"),
        rows("eval_dataset", .llamaFactory, "eval-data", "one file of JSON lines"),
        rows("validation_file eval_file", .trl, "eval-data", "one file of JSON lines"),
        rows("test_datasets", .axolotl, "eval-data", "one file of JSON lines"),
        rows("dataset_val", .torchtune, "eval-data", "one file of JSON lines"),
        rows("val_set_size", .axolotl, "held-out", "a share, as 2%; not a number of rows"),
        rows("val_size", .llamaFactory, "held-out", "a share, as 2%; not a number of rows"),
        rows("max_seq_length", [.trl, .mlx], "max-length"),
        rows("cutoff_len", .llamaFactory, "max-length"),
        rows("sequence_len", .axolotl, "max-length"),
        rows("tokenizer.max_seq_len", .torchtune, "max-length"),
        rows("max_prompt_len min_sample_len excess_length_strategy", .axolotl, "", cut),
        rows("truncation_mode", .trl, "", cut),
        rows("max_samples", .llamaFactory, "steps", "or give a shorter file"),
        rows("packing", [.trl, .llamaFactory], "", packed),
        rows("neat_packing", .llamaFactory, "", packed),
        rows("packing_strategy padding_free pad_to_multiple_of eval_packing", .trl, "", packed),
        rows("dataset.packed", .torchtune, "", packed),
        rows(
            "sample_packing eval_sample_packing pad_to_sequence_len sample_packing_group_size "
                + "sample_packing_bin_size sample_packing_sequentially batch_flattening "
                + "multipack_real_batches", .axolotl, "", packed),
        rows("train_on_inputs", .axolotl, "", answersOnly),
        rows("train_on_input", .torchtune, "", answersOnly),
        rows("dataset.train_on_input", .torchtune, "", answersOnly),
        rows("train_on_prompt", .llamaFactory, "", answersOnly),
        rows("completion_only_loss assistant_only_loss", .trl, "loss-on", answersOnly),
        rows("mask_prompt", .mlx, "", answersOnly),
        rows("mask_history", .llamaFactory, "loss-on", "for true write loss-on: last"),
        rows(
            "roles_to_train datasets.roles_to_train", .axolotl, "",
            "the assistant's messages are "
                + "learned; a message with weight 0 is not"),
        rows("train_on_eos", .axolotl, "", "the token that ends an answer is learned with it"),
        rows(
            "chat_template", [.axolotl, .trl], "chat-template",
            "a file; without it the model's own is used"),
        rows("chat_template_path", .trl, "chat-template", "without it the model's own is used"),
        rows(
            "chat_template_jinja", .axolotl, "chat-template",
            "the name of a file with it; without it the model's own is used"),
        rows("default_system_message", .axolotl, "", "write it into the records"),
        rows("default_system", .llamaFactory, "", "write it into the records"),
        rows("tool_format", .llamaFactory, "", "the model's chat template writes tools"),
        rows("chat_template_kwargs", .axolotl, "template-set", "as enable_thinking=false"),
        rows("eot_tokens", .axolotl, "", "the chat template ends the turns"),
        rows("enable_thinking", .llamaFactory, "template-set", "as enable_thinking=false"),
        rows("dataset_text_field", .trl, "", "rename the key in the records to text"),
        rows(
            "field_messages message_property_mappings datasets.field_messages field_system "
                + "field_instruction field_input field_output field_human field_model", .axolotl,
            "",
            "rename the keys in the records"),
        rows("dataset_prepared_path", .axolotl, "cache"),
        rows("tokenized_path", .llamaFactory, "cache"),
        rows("overwrite_cache", .llamaFactory, "", "the cache follows the contents of the files"),
        rows("skip_prepare_dataset push_dataset_to_hub dataset_keep_in_memory", .axolotl, "", tidy),
        rows(
            "streaming buffer_size", .llamaFactory, "",
            "samples lie in a mapped file, not in "
                + "memory"),
        rows("dataset_kwargs", .trl, "", tidy),
        rows("dataset_exact_deduplication", .axolotl, "", "lora data counts duplicates"),
        rows("dataset_num_proc", .trl, "threads", "tokenizing takes all cores by default"),
        rows("dataset_processes", .axolotl, "threads", "tokenizing takes all cores by default"),
        rows(
            "preprocessing_num_workers", .llamaFactory, "threads",
            "tokenizing takes all cores by default"),
        rows("preprocessing_batch_size", .llamaFactory, "", tidy),
        rows(
            "remove_unused_columns label_names", .trainer, "",
            "lora data says which keys of the "
                + "records are used"),
        rows("shuffle_merged_datasets", .axolotl, "order", "shuffled or sequential"),
        rows("ignore_pad_token_for_loss", .llamaFactory, "", packed),
        rows("special_tokens tokens added_tokens_overrides", .axolotl, "", ownTokens),
        rows("eos_token pad_token", .trl, "", ownTokens),
        rows("add_tokens add_special_tokens resize_vocab", .llamaFactory, "", ownTokens),
        rows("resize_token_embeddings_to_32x", .axolotl, "", ownTokens),
    ])

    private static let paths =
        "paths of JSON lines, as a.jsonl=2,b.jsonl; data sets are not fetched by name"
    private static let cut = "samples are cut on the right at max-length"
    private static let packed =
        "slices are packed without padding and never mix samples, so nothing is to be turned on; "
        + "leave it out"
    private static let answersOnly =
        "only answers and the tokens that end them are learned; records with text are learned whole"
    private static let ownTokens =
        "tokens are those of the model's own files; add them there, with their rows of the "
        + "embedding"
    private static let tidy = "leave it out"

    // MARK: Model and files

    static let files: [ForeignSetting] = flat([
        rows("model_name_or_path", [.trl, .llamaFactory], "model", local),
        rows("base_model_name_or_path", .peft, "model", local),
        rows("base_model", .axolotl, "model", local),
        rows("checkpointer.checkpoint_dir", .torchtune, "model", local),
        rows(
            "checkpointer._component_ checkpointer.checkpoint_files checkpointer.model_type "
                + "checkpointer.recipe_checkpoint", .torchtune, "",
            "model names the folder, and "
                + "everything is told from its files"),
        rows("model._component_ tokenizer._component_ tokenizer.path", .torchtune, "model", local),
        rows(
            "base_model_config tokenizer_config model_type tokenizer_type tokenizer_use_fast "
                + "tokenizer_legacy processor_type", .axolotl, "",
            "it is told from the model's files"),
        rows("tokenizer_name_or_path", .trl, "", "the model's own tokenizer is used"),
        rows("use_fast_tokenizer", .llamaFactory, "", "it is told from the model's files"),
        rows("revision", .peft, "model", "the revision is what lies in the folder"),
        rows("model_revision", [.trl, .llamaFactory], "model", "the revision is what lies there"),
        rows("revision_of_model", .axolotl, "model", "the revision is what lies there"),
        rows(
            "type_of_model overrides_of_model_kwargs", .axolotl, "",
            "it is told from the model's "
                + "files"),
        rows("tokenizer.merges_file tokenizer.vocab_path", .torchtune, "model", local),
        rows("cache_dir", .llamaFactory, "model", local),
        rows("model_max_length", .llamaFactory, "max-length"),
        rows("trust_remote_code", [.trl, .axolotl, .llamaFactory], "", "no code of models is run"),
        rows("model_init_kwargs", .trl, "", "it is told from the model's files"),
        rows("config_overrides rope_scaling", .llamaFactory, "", "write it into config.json"),
        rows("overrides_of_model_config", .axolotl, "", "write it into config.json"),
        rows("output_dir", [.trainer, .trl, .axolotl, .llamaFactory, .torchtune], "out"),
        rows("checkpointer.output_dir", .torchtune, "out"),
        rows("adapter_path", .mlx, "out", "the adapter is OUT/adapter"),
        rows(
            "overwrite_output_dir", [.trainer, .llamaFactory], "out",
            "a new run needs a new folder; nothing is overwritten"),
        rows(
            "save_steps", [.trainer, .trl, .axolotl, .llamaFactory], "checkpoint-every", stepCount),
        rows("save_every", .mlx, "checkpoint-every"),
        rows("save_every_n_steps", .torchtune, "checkpoint-every"),
        rows("saves_per_epoch", .axolotl, "checkpoint-every", "a number of steps"),
        rows(
            "save_strategy", [.trainer, .axolotl, .llamaFactory], "checkpoint-every",
            "checkpoints are written by steps, and at the end"),
        rows("save_total_limit", [.trainer, .axolotl, .llamaFactory], "keep"),
        rows(
            "resume_from_checkpoint", [.trainer, .axolotl, .llamaFactory, .torchtune], "resume",
            "auto goes on after the newest checkpoint in out; must insists on one"),
        rows("auto_resume_from_checkpoints", .axolotl, "resume", "auto, which it is without it"),
        rows(
            "save_only_model save_on_each_node enable_jit_checkpoint ignore_data_skip "
                + "restore_callback_states_from_checkpoint", .trainer, "", wholeCheckpoint),
        rows("save_safetensors", [.trainer, .axolotl], "", "adapters are always safetensors"),
        rows("save_adapter_weights_only", .torchtune, "", wholeCheckpoint),
        rows("enable_async_checkpointing", .torchtune, "", wholeCheckpoint),
        rows(
            "load_best_model_at_end metric_for_best_model greater_is_better", [.trainer, .axolotl],
            "", "the last adapter is kept; lora eval compares checkpoints"),
        rows("early_stopping_patience", .axolotl, "", "give steps or epochs"),
        rows("early_stopping_steps", .llamaFactory, "", "give steps or epochs"),
        rows(
            "push_to_hub hub_token hub_private_repo hub_model_id hub_strategy hub_always_push "
                + "hub_revision", .trainer, "", upload),
        rows("hub_model_id hub_strategy hub_revision hf_use_auth_token", .axolotl, "", upload),
        rows("export_dir export_size export_hub_model_id", .llamaFactory, "", "use lora merge"),
        rows("merge_lora", .axolotl, "", "use lora merge"),
    ])

    private static let local =
        "a folder or a GGUF file on this machine; models are not fetched by name (hf download "
        + "NAME --local-dir FOLDER)"
    private static let stepCount = "a number of steps, not a share of the run"
    private static let wholeCheckpoint =
        "a checkpoint has all that going on needs, and the same bytes come of it"
    private static let upload = "upload OUT/adapter yourself (hf upload)"

    // MARK: Computing

    static let computing: [ForeignSetting] = flat([
        rows("bf16", [.trainer, .trl, .axolotl, .llamaFactory], "compute", "bfloat16 for true"),
        rows("fp16", [.trainer, .trl, .axolotl, .llamaFactory], "compute", "float16 for true"),
        rows("bfloat16 float16 float32", .axolotl, "compute"),
        rows("pure_bf16", .llamaFactory, "compute", "bfloat16"),
        rows("torch_dtype dtype", .trl, "compute", types),
        rows("dtype", .torchtune, "compute", types),
        rows("fp8", [.axolotl, .llamaFactory], "compute", types),
        rows("infer_dtype compute_dtype", .llamaFactory, "compute", types),
        rows("tf32 bf16_full_eval fp16_full_eval", .trainer, "compute", types),
        rows(
            "gradient_checkpointing", [.trainer, .trl, .axolotl, .llamaFactory], "recompute",
            "on or off; the bits are the same"),
        rows("activation_checkpointing", .trainer, "recompute", "on or off"),
        rows("grad_checkpoint", .mlx, "recompute", "on or off; the bits are the same"),
        rows("enable_activation_checkpointing", .torchtune, "recompute", "on or off"),
        rows("disable_gradient_checkpointing", .llamaFactory, "recompute", "on or off"),
        rows(
            "gradient_checkpointing_kwargs activation_checkpointing_kwargs", [.trainer, .axolotl],
            "", "recompute is all there is"),
        rows("enable_activation_offloading", .torchtune, "", "recompute saves memory"),
        rows("activation_offloading", .trl, "", "recompute saves memory"),
        rows(
            "load_in_8bit load_in_4bit", [.trl, .axolotl], "model",
            "a GGUF file that is quantised, as Q8_0 or Q4_1"),
        rows(
            "quantization_bit quantization_method", .llamaFactory, "model", "a quantised GGUF file"),
        rows(
            "bnb_4bit_quant_type bnb_4bit_quant_storage use_bnb_nested_quant", .trl, "model",
            "a quantised GGUF file"),
        rows("gptq bnb_config_kwargs", .axolotl, "model", "a quantised GGUF file"),
        rows(
            "use_cpu no_cuda deepspeed fsdp fsdp_config accelerator_config parallelism_config "
                + "ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers "
                + "ddp_static_graph ddp_backend local_rank average_tokens_across_devices", .trainer,
            "", ranks),
        rows(
            "deepspeed fsdp fsdp_config device device_map world_size local_rank ddp max_memory "
                + "ddp_bucket_cap_mb ddp_broadcast_buffers ddp_find_unused_parameters "
                + "sequence_parallel_degree context_parallel_size tensor_parallel_size "
                + "low_cpu_mem_usage gpu_memory_limit", .axolotl, "", ranks),
        rows("device low_cpu_ram fsdp_cpu_offload", .torchtune, "", ranks),
        rows("use_ray ray_num_workers ray_run_name", .axolotl, "", ranks),
        rows("ray_num_workers ray_init_kwargs master_addr master_port", .llamaFactory, "", ranks),
        rows("deepspeed fsdp low_cpu_mem_usage device_map", .llamaFactory, "", ranks),
        rows("ddp_timeout", [.trainer, .axolotl, .llamaFactory], "collective-timeout"),
        rows(
            "torch_compile torch_compile_backend torch_compile_mode use_liger_kernel "
                + "liger_kernel_config use_cache torch_empty_cache_steps", .trainer, "", builtIn),
        rows(
            "torch_compile torch_compile_backend flash_attention xformers_attention sdp_attention "
                + "flex_attention s2_attention eager_attention attn_implementation "
                + "flash_attn_cross_entropy flash_attn_rms_norm flash_attn_fuse_qkv "
                + "flash_attn_fuse_mlp unsloth_cross_entropy_loss unsloth_lora_mlp unsloth_lora_qkv "
                + "unsloth_lora_o lora_mlp_kernel lora_qkv_kernel lora_o_kernel gc_steps plugins "
                + "liger_rope liger_rms_norm liger_glu_activation liger_fused_linear_cross_entropy",
            .axolotl, "", builtIn),
        rows("attn_implementation use_flash_attention_2", .trl, "", builtIn),
        rows("flash_attn use_unsloth enable_liger_kernel shift_attn", .llamaFactory, "", builtIn),
        rows("compile", .torchtune, "", builtIn),
        rows(
            "dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers "
                + "dataloader_prefetch_factor dataloader_multiprocessing_context "
                + "dataloader_in_order", .trainer, "", "samples lie in a mapped file"),
        rows(
            "dataloader_num_workers dataloader_pin_memory dataloader_prefetch_factor", .axolotl, "",
            "samples lie in a mapped file"),
        rows("dataloader_num_workers", .llamaFactory, "", "samples lie in a mapped file"),
        rows("full_determinism", .trainer, "", "every run is deterministic"),
        rows("cudnn_deterministic_mode", .torchtune, "", "every run is deterministic"),
    ])

    private static let types = "float32, bfloat16 or float16"
    private static let ranks =
        "mpirun starts the ranks, and each holds the whole model; leave it out"
    private static let builtIn = "the kernels are built in (kernels chooses their level)"

    // MARK: Reports

    static let reporting: [ForeignSetting] = flat([
        rows("eval_steps", [.trainer, .trl, .axolotl, .llamaFactory], "eval-every", stepCount),
        rows("steps_per_eval", .mlx, "eval-every"),
        rows("run_val_every_n_steps", .torchtune, "eval-every"),
        rows("evals_per_epoch", .axolotl, "eval-every", "a number of steps"),
        rows(
            "eval_strategy evaluation_strategy", [.trainer, .axolotl, .llamaFactory], "eval-every",
            "without it at the start and at the end; no eval-data and no held-out: never"),
        rows("eval_delay eval_on_start do_eval do_train do_predict", .trainer, "", evaluation),
        rows("do_train do_eval do_predict", .llamaFactory, "", evaluation),
        rows("train test test_batches val_batches", .mlx, "", evaluation),
        rows(
            "prediction_loss_only eval_do_concat_batches eval_use_gather_object "
                + "eval_accumulation_steps include_for_metrics batch_eval_metrics", .trainer, "",
            evaluation),
        rows(
            "do_causal_lm_eval eval_causal_lm_metrics do_bench_eval bench_dataset eval_table_size "
                + "eval_max_new_tokens", .axolotl, "", evaluation),
        rows("predict_with_generate compute_accuracy", .llamaFactory, "", evaluation),
        rows(
            "logging_steps logging_strategy logging_first_step",
            [
                .trainer, .trl, .axolotl,
                .llamaFactory,
            ], "", everyStep),
        rows(
            "log_on_each_node logging_nan_inf_filter include_num_input_tokens_seen log_level "
                + "log_level_replica disable_tqdm skip_memory_metrics debug", .trainer, "",
            everyStep),
        rows("steps_per_report clear_cache_threshold", .mlx, "", everyStep),
        rows("report_to project_name", .mlx, "", tracking),
        rows("profiler.enabled", .torchtune, "", "lora bench says where the time goes"),
        rows("batch_size_val", .torchtune, "", "evaluation needs no size of its own; leave it out"),
        rows("log_every_n_steps log_peak_memory_stats log_level", .torchtune, "", everyStep),
        rows("plot_loss", .llamaFactory, "", "lora report makes a page of curves"),
        rows("include_tokens_per_second profiler_steps", .axolotl, "", everyStep),
        rows(
            "report_to", [.trainer, .llamaFactory], "tensorboard collector prometheus-file",
            "or leave it out: TensorBoard's files are written anyway"),
        rows("logging_dir", .trainer, "tensorboard", "its files are in OUT/tensorboard"),
        rows("use_tensorboard", .axolotl, "tensorboard"),
        rows(
            "metric_logger._component_ metric_logger.log_dir metric_logger.project", .torchtune,
            "tensorboard"),
        rows("run_name project", .trainer, "out", "a run has the name of its folder"),
        rows("trackio_space_id trackio_bucket_id trackio_static_space_id", .trainer, "", tracking),
        rows(
            "wandb_project wandb_entity wandb_watch wandb_name wandb_log_model wandb_run_id "
                + "wandb_mode use_wandb mlflow_tracking_uri mlflow_experiment_name "
                + "comet_project_name use_mlflow use_comet use_trackio use_otel_metrics", .axolotl,
            "", tracking),
        rows("wandb", .mlx, "", tracking),
        rows("use_swanlab swanlab_project swanlab_run_name", .llamaFactory, "", tracking),
    ])

    private static let evaluation =
        "the loss of eval-data or held-out is computed by eval-every; lora eval does it afterwards"
    private static let everyStep = "every step is in OUT/metrics.jsonl and on the terminal"
    private static let tracking =
        "lora-collector, TensorBoard, OpenTelemetry and Prometheus get the numbers"

    // MARK: Other methods

    static let otherMethods: [ForeignSetting] = flat([
        rows("stage", .llamaFactory, "", supervised + "; leave it out if it is sft"),
        rows(
            "rl rl_beta trl reward_model process_reward_model dpo_beta dpo_use_weighting "
                + "dpo_label_smoothing rpo_alpha orpo_alpha simpo_gamma cpo_alpha "
                + "kto_desirable_weight kto_undesirable_weight vllm qat", .axolotl, "", supervised),
        rows(
            "pref_beta pref_loss pref_ftx ref_model reward_model ppo_epochs", .llamaFactory, "",
            supervised),
        rows("relora relora_steps jagged_restart_steps", .axolotl, "", supervised),
        rows(
            "loss_watchdog_threshold loss_watchdog_patience", .axolotl, "",
            "a loss that is not "
                + "finite ends the run"),
        rows("strict", .axolotl, "", "every name is checked"),
        rows("config", .mlx, "", "--config names this file on the command line"),
    ])

    private static let supervised = "it is supervised fine-tuning with LoRA"

    // MARK: Values

    /// Choices that others have, by our setting: what to write for each.
    static let values: [String: [String: String]] = [
        "schedule": [
            "constant_with_warmup": "Write constant, and warmup-steps beside it",
            "cosine_with_restarts": "There are no restarts; cosine falls once, to 0",
            "cosine_with_min_lr": "cosine falls to 0",
            "cosine_decay": "Write cosine", "linear_schedule": "Write linear",
            "polynomial": "linear is a polynomial of power 1", "inverse_sqrt": "linear is nearest",
            "warmup_stable_decay": "constant or linear are nearest",
            "reduce_lr_on_plateau": "A schedule does not look at the loss here",
        ],
        "compute": [
            "bf16": "Write bfloat16", "fp16": "Write float16", "half": "Write float16",
            "fp32": "Write float32", "float": "Write float32",
            "auto": "Leave it out for float32", "true": "Write bfloat16 or float16",
        ],
        "format": [
            "chat_template": "Write chat, or leave it out", "chatml": "Write chat, or leave it out",
            "openai": "Write chat, or leave it out", "completion": "Write text",
            "pretrain": "Write text", "instruction": "Write alpaca", "json": "Leave it out",
            "jsonl": "Leave it out", "conversational": "Write chat, or leave it out",
            "conversation": "Write chat or sharegpt, or leave it out",
        ],
        "order": [
            "random": "Write shuffled", "shuffle": "Write shuffled", "true": "Write shuffled",
            "false": "Write sequential", "group_by_length": "Write shuffled",
        ],
        "resume": [
            "true": "Write must, or auto to start where there is no checkpoint",
            "yes": "Write must, or auto to start where there is no checkpoint",
            "on": "Write must, or auto to start where there is no checkpoint",
            "false": "Write never", "no": "Write never", "off": "Write never",
        ],
        "loss-on": [
            "assistant": "Write all", "completion": "Write all", "turn": "Write all",
            "last_turn": "Write last", "true": "Write all, or leave it out",
        ],
    ]
}
