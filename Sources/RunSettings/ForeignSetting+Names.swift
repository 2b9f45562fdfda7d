// Sources, read on 2026-11-27: transformers 5.24 `training_args.py`; peft
// `tuners/lora/config.py`; trl `sft_config.py`, `model_config.py`; axolotl `utils/schemas/`;
// LLaMA-Factory `hparams/`; mlx-lm `lora.py`; torchtune `recipes/configs/`.

extension ForeignSetting {
    /// Every name that is known, ordered by what it is about.
    ///
    /// A name that is also one of ours, as `weight_decay`, is not among them.
    public static let all: [ForeignSetting] =
        adapter + optimization + length + data + files + computing + reporting + otherMethods

    /// One row for each of `names`, which are separated by blanks.
    static func rows(
        _ names: String, _ trainers: Trainers, _ settings: String = "", _ note: String = ""
    ) -> [ForeignSetting] {
        names.split(separator: " ").map {
            ForeignSetting(
                String($0), trainers, settings.split(separator: " ").map(String.init), note)
        }
    }

    /// Spares the compiler a guess.
    static func flat(_ rows: [[ForeignSetting]]) -> [ForeignSetting] { rows.flatMap { $0 } }

    // MARK: The adapter

    private static let adapter: [ForeignSetting] = flat([
        rows("r", .peft, "rank"),
        rows("lora_r", [.trl, .axolotl], "rank"),
        rows("lora_rank", .llamaFactory, "rank"),
        rows("model.lora_rank", .torchtune, "rank"),
        rows("lora_parameters.rank", .mlx, "rank"),
        rows("lora_alpha", [.peft, .trl, .axolotl, .llamaFactory], "alpha"),
        rows("model.lora_alpha", .torchtune, "alpha"),
        rows(
            "lora_parameters.scale", .mlx, "alpha",
            "the scale times the rank, because the update counts alpha / rank"),
        rows("lora_parameters.alpha", .mlx, "alpha"),
        rows("target_modules", .peft, "targets"),
        rows("lora_target_modules", [.trl, .axolotl], "targets"),
        rows("lora_target", .llamaFactory, "targets", "for all write all-linear"),
        rows("lora_target_linear", .axolotl, "targets", "for true write targets: all-linear"),
        rows("lora_parameters.keys", .mlx, "targets", "the last part of each, as q_proj"),
        rows(
            "model.lora_attn_modules", .torchtune, "targets",
            "output_proj is o_proj in transformers' names, which are used here"),
        rows(
            "model.apply_lora_to_mlp", .torchtune, "targets",
            "for true add gate_proj, up_proj and down_proj"),
        rows("model.apply_lora_to_output", .torchtune, "", headless),
        rows("lora_dropout", [.peft, .trl, .axolotl, .llamaFactory], "", noDropout),
        rows("model.lora_dropout", .torchtune, "", noDropout),
        rows("lora_parameters.dropout", .mlx, "", noDropout),
        rows("bias", .peft, "", "biases stay as they are; leave it out if it is none"),
        rows("use_rslora", [.peft, .trl, .llamaFactory], "", plainLoRA),
        rows("use_dora", [.peft, .trl, .llamaFactory], "", plainLoRA),
        rows("peft_use_rslora peft_use_dora", .axolotl, "", plainLoRA),
        rows("modules_to_save", .peft, "", headless),
        rows("lora_modules_to_save", [.trl, .axolotl], "", headless),
        rows("additional_target", .llamaFactory, "", headless),
        rows(
            "freeze_trainable_layers freeze_trainable_modules freeze_extra_modules", .llamaFactory,
            "", headless),
        rows("unfrozen_parameters", .axolotl, "", headless),
        rows("lora_rank_pattern lora_alpha_pattern", .axolotl, "", onePattern),
        rows("trainable_token_indices", .peft, "", headless),
        rows("peft_trainable_token_indices", .axolotl, "", headless),
        rows("rank_pattern alpha_pattern", .peft, "", onePattern),
        rows(
            "init_lora_weights", .peft, "",
            "A begins as with true (uniform), B with zeros; leave it out if it is true"),
        rows("peft_init_lora_weights", .axolotl, "", "leave it out if it is true"),
        rows("pissa_init pissa_iter pissa_convert", .llamaFactory, "", plainLoRA),
        rows("loftq_config", [.peft, .axolotl], "", plainLoRA),
        rows("layers_to_transform layers_pattern exclude_modules", .peft, "", allLayers),
        rows("peft_layers_to_transform peft_layers_pattern", .axolotl, "", allLayers),
        rows(
            "num_layers", .mlx, "", "every layer is adapted; leave it out if it is -1"),
        rows("layer_replication", .peft, "", plainLoRA),
        rows("peft_layer_replication", .axolotl, "", plainLoRA),
        rows("fan_in_fan_out", .peft, "", "GPT-2's transposed weights are told from the model"),
        rows("lora_fan_in_fan_out", .axolotl, "", "it is told from the model"),
        rows(
            "target_parameters megatron_config megatron_core runtime_config eva_config corda_config "
                + "lora_bias use_qalora qalora_group_size arrow_config lora_ga_config "
                + "ensure_weight_tying use_bdlora monteclora_config velora_config alora_invocation_tokens "
                + "kasa_config", .peft, "",
            plainLoRA),
        rows("lora_target_parameters peft_ensure_weight_tying", .axolotl, "", plainLoRA),
        rows(
            "peft_type task_type auto_mapping inference_mode peft_version", .peft, "",
            "it is LoRA of a causal language model; leave it out"),
        rows(
            "adapter", .axolotl, "",
            "it is LoRA; leave it out if it is lora, or qlora with a "
                + "quantised GGUF file as model"),
        rows("finetuning_type", .llamaFactory, "", "it is LoRA; leave it out if it is lora"),
        rows("fine_tune_type", .mlx, "", "it is LoRA; leave it out if it is lora"),
        rows("use_peft lora_task_type", .trl, "", "it is always LoRA; leave it out"),
        rows("lora_model_dir", .axolotl, "init-adapter"),
        rows("adapter_name_or_path", .llamaFactory, "init-adapter"),
        rows(
            "create_new_adapter", .llamaFactory, "",
            "merge the first adapter (lora merge) and train on what comes of it"),
        rows("checkpointer.adapter_checkpoint", .torchtune, "init-adapter", "a PEFT folder"),
        rows("resume_adapter_file", .mlx, "init-adapter", "a PEFT folder, not a file of mlx"),
    ])

    private static let onePattern = "all targets have one rank and one alpha"
    private static let noDropout = "no dropout is applied; leave it out if it is 0"
    private static let plainLoRA =
        "the update is alpha / rank times B·A, and nothing else; leave it out if it is off"
    private static let headless =
        "only the projections of the layers are adapted; embeddings and the output layer stay as "
        + "they are"
    private static let allLayers = "every layer is adapted; choose projections with targets"

    // MARK: Optimization

    private static let optimization: [ForeignSetting] = flat([
        rows("learning_rate", [.trainer, .trl, .axolotl, .llamaFactory, .mlx], "lr"),
        rows("optimizer.lr", .torchtune, "lr"),
        rows("optimizer.weight_decay", .torchtune, "weight-decay"),
        rows("optimizer_config.adamw.weight_decay", .mlx, "weight-decay"),
        rows("lr_scheduler_type", [.trainer, .trl, .llamaFactory], "schedule", schedules),
        rows("lr_scheduler", .axolotl, "schedule", schedules),
        rows("lr_scheduler._component_", .torchtune, "schedule", schedules),
        rows("lr_scheduler.num_warmup_steps", .torchtune, "warmup-steps"),
        rows("lr_schedule", .mlx, "schedule", schedules),
        rows("lr_schedule.name", .mlx, "schedule", schedules),
        rows("lr_schedule.warmup", .mlx, "warmup-steps"),
        rows(
            "lr_schedule.warmup_init lr_schedule.arguments", .mlx, "",
            "lr says where the rate "
                + "begins to fall; it ends at 0"),
        rows("lr_scheduler_kwargs", [.trainer, .axolotl, .llamaFactory], "", scheduleEnd),
        rows(
            "cosine_min_lr_ratio cosine_constant_lr_ratio lr_quadratic_warmup lr_groups "
                + "embedding_lr embedding_lr_scale", .axolotl, "", scheduleEnd),
        rows("warmup_ratio", [.trainer, .trl, .axolotl, .llamaFactory], "warmup-steps", ratio),
        rows("max_grad_norm", [.trainer, .trl, .axolotl, .llamaFactory], "clip-norm"),
        rows("clip_grad_norm", .torchtune, "clip-norm"),
        rows("gradient_clipping", [.trainer, .axolotl], "clip-norm"),
        rows("adam_beta1", [.trainer, .axolotl, .llamaFactory], "beta1"),
        rows("adam_beta2", [.trainer, .axolotl, .llamaFactory], "beta2"),
        rows("optimizer.betas", .torchtune, "beta1 beta2"),
        rows("optimizer_config.adamw.betas", .mlx, "beta1 beta2"),
        rows("adam_epsilon", [.trainer, .axolotl, .llamaFactory], "epsilon"),
        rows("optimizer.eps", .torchtune, "epsilon"),
        rows("optimizer_config.adamw.eps", .mlx, "epsilon"),
        rows("adam_epsilon2 adam_beta3", .axolotl, "", onlyAdamW),
        rows("optim", [.trainer, .trl, .llamaFactory], "", onlyAdamW),
        rows("optimizer", [.axolotl, .mlx], "", onlyAdamW),
        rows("optimizer._component_ optimizer.fused optimizer_in_bwd", .torchtune, "", onlyAdamW),
        rows("optimizer_config", .mlx, "", onlyAdamW),
        rows("optim_args optim_target_modules", [.trainer, .axolotl], "", onlyAdamW),
        rows("loraplus_lr_ratio loraplus_lr_embedding", [.axolotl, .llamaFactory], "", onlyAdamW),
        rows(
            "use_galore galore_target galore_rank galore_update_interval galore_scale use_apollo "
                + "apollo_target apollo_rank apollo_scale use_badam badam_mode badam_switch_mode "
                + "badam_switch_interval badam_update_ratio use_adam_mini use_muon", .llamaFactory,
            "",
            onlyAdamW),
        rows(
            "label_smoothing_factor", .trainer, "",
            "the loss is plain cross-entropy; leave it out if it is 0"),
        rows("neftune_noise_alpha", [.trainer, .axolotl, .llamaFactory], "", "no noise is added"),
        rows("noisy_embedding_alpha", .axolotl, "", "no noise is added"),
        rows("loss_type", .trl, "", "the loss is plain cross-entropy; leave it out if it is nll"),
        rows("router_aux_loss_coef", .trl, "", "models have no routers"),
        rows(
            "loss._component_ loss.label_smoothing", .torchtune, "",
            "the loss is plain cross-entropy"),
    ])

    private static let schedules = "constant, linear or cosine; a warm-up goes with each"
    private static let scheduleEnd = "a schedule ends at 0, and all parameters have one rate"
    private static let ratio = "a share of the run is not taken; give the number of steps"
    private static let onlyAdamW = "the optimizer is AdamW in float32; leave it out if it is that"

    // MARK: Batch and length of a run

    private static let length: [ForeignSetting] = flat([
        rows(
            "per_device_train_batch_size", [.trainer, .trl, .llamaFactory], "batch-size", product),
        rows("micro_batch_size", .axolotl, "batch-size", product),
        rows(
            "gradient_accumulation_steps",
            [.trainer, .trl, .axolotl, .llamaFactory, .torchtune, .mlx], "batch-size", product),
        rows("grad_accumulation_steps", .mlx, "batch-size", product),
        rows("per_gpu_train_batch_size train_batch_size", .trainer, "batch-size", product),
        rows(
            "auto_find_batch_size", [.trainer, .axolotl], "",
            "memory does not grow with the batch; lora plan says what a run takes"),
        rows(
            "per_device_eval_batch_size", [.trainer, .trl, .llamaFactory], "",
            "evaluation needs no size of its own; leave it out"),
        rows("eval_batch_size", .axolotl, "", "evaluation needs no size of its own; leave it out"),
        rows("num_train_epochs", [.trainer, .trl, .llamaFactory], "epochs", "whole ones"),
        rows("num_epochs", .axolotl, "epochs", "whole ones"),
        rows("max_steps", [.trainer, .trl, .axolotl, .llamaFactory], "steps", "leave -1 out"),
        rows("iters", .mlx, "steps"),
        rows("max_steps_per_epoch", .torchtune, "steps", "of the whole run"),
        rows(
            "data_seed", .trainer, "seed", "one seed decides initialisation and order"),
        rows("shuffle", .torchtune, "order", "shuffled or sequential"),
        rows("shuffle_dataset", .trl, "order", "shuffled or sequential"),
        rows("disable_shuffling", .llamaFactory, "order", "for true write sequential"),
        rows("train_sampling_strategy", .trainer, "order", "shuffled or sequential"),
        rows("group_by_length", [.trainer, .axolotl], "", ownOrder),
        rows("length_column_name", .trainer, "", ownOrder),
        rows("curriculum_sampling", .axolotl, "order", "for true write sequential"),
        rows(
            "dataloader_drop_last", [.trainer, .axolotl], "",
            "no sample is dropped: batches run on over the end of an epoch"),
    ])

    private static let product =
        "the samples of a step over all ranks: batch a device × devices × accumulation steps"
    private static let ownOrder = "samples are shuffled by the seed alone"
}
