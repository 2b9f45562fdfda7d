/// What each number means, for the systems that show a line of help beside it.
enum MetricDescriptions {
    /// - Parameter name: Of a record's field.
    static func text(_ name: String) -> String { texts[name] ?? "See proto/progress.proto" }

    private static let texts = [
        "bytes": "Size of the checkpoint",
        "clip_factor": "What the gradient was multiplied by; 1 where its norm was within the limit",
        "clip_share": "Part of this job's steps whose gradient was clipped",
        "compute_seconds": "Computing of the coordinator's slices",
        "computed_tokens": "Rows that went through the model; shared prefixes count once",
        "computed_tokens_per_second": "Rows that went through the model, each second",
        "epoch": "Passes over the data that are complete",
        "evaluation_loss": "Last held-out loss, nats; NaN without a held-out set",
        "exit_code": "Exit code of the job that failed",
        "first_sequence": "First of the records that had to be dropped",
        "gradient_norm": "Global norm of the gradient before clipping",
        "hand_over_seconds": "Training waited so long while the state was copied",
        "lanes_per_rank": "Threads that compute slices in each rank",
        "learning_rate": "Learning rate of the step",
        "longest_hand_over_seconds": "The longest that training spent on handing over a report",
        "loss": "Mean negative log-likelihood of a target token, nats",
        "previous_world_size": "Ranks of the job that wrote the checkpoint",
        "processor_seconds": "Processor time of the thread that wrote the checkpoint",
        "rank_compute_seconds": "From the start of the step to a rank's last slice",
        "rank_peak_memory_bytes":
            "The most memory of a rank that was resident, mapped weights included",
        "reduce_seconds": "Reduction of the gradients, waiting for slower ranks included",
        "reduced_bytes": "What a rank handed to the reduction",
        "samples": "Samples of the held-out set",
        "seconds": "How long it took",
        "seconds_left": "Estimated time to the end of the run",
        "step": "The step that this is about",
        "step_seconds": "From the first slice of a step to the end of its update",
        "target_tokens": "Tokens that count in the loss",
        "target_tokens_per_second": "Tokens that count in the loss, each second",
        "tokens": "Tokens of the batch without padding",
        "tokens_per_second": "Tokens without padding, each second",
        "total_steps": "Steps of the whole run",
        "trainable_parameters": "Numbers in the adapter",
        "update_seconds": "Update of the adapter and its way to all ranks",
        "world_size": "Ranks of the job",
        "jobs": "How often the run was started",
        "checkpoints": "Durable checkpoints",
        "warnings": "Warnings",
        "run_state": "1 for the state that the run is in, 0 for the others",
        "updated_timestamp_seconds": "When the run was last heard of, since 1970-01-01 UTC",
    ]
}
