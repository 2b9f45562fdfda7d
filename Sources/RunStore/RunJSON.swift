import ProgressReports

/// Runs as JSON, for the page and for scripts.
public enum RunJSON {
    /// `{"runs":[…]}`, one ``object(_:)`` a run.
    public static func list(_ runs: [RunSummary]) -> String {
        "{\"runs\":[\(runs.map(object).joined(separator: ","))]}"
    }

    /// Of a text: the list is asked for again and again; records have the whole.
    private static let mostCharacters = 500

    /// What is known of a run; what is not is null. Times are seconds since 1970-01-01 UTC.
    public static func object(_ run: RunSummary) -> String {
        var object = JSONObject()
        object.add("run_id", .text(run.runID))
        object.add("name", .text(String(run.name.prefix(mostCharacters))))
        object.add("state", .text(run.state.rawValue))
        object.add("started", .number(Double(run.startedNanoseconds) / 1e9))
        object.add("updated", .number(Double(run.updatedNanoseconds) / 1e9))
        object.add("jobs", .integer(run.jobs))
        object.add("step", (run.finish?.step ?? run.lastStep?.step).map { .integer($0) })
        object.add("total_steps", run.start.map { .integer($0.totalSteps) })
        object.add("loss", run.lastStep.map { .number($0.loss) })
        object.add("held_out_loss", run.lastEvaluation.map { .number($0.loss) })
        object.add("tokens_per_second", run.lastStep.map { .number($0.tokensPerSecond) })
        object.add("seconds_left", run.lastStep?.details.secondsLeft.map { .number($0) })
        object.add("checkpoint_step", run.lastCheckpoint.map { .integer($0.step) })
        object.add("world_size", run.start.map { .integer($0.worldSize) })
        object.add("last_row", .integer(Int(run.lastRow)))
        object.add("message", run.failure.map { .text(String($0.message.prefix(mostCharacters))) })
        return object.text
    }
}
