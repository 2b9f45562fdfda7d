import JSON
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
        let text = { (text: String) in String(text.prefix(mostCharacters)) }
        var object: JSONObject = ["run_id": .text(run.runID)]
        object.set("name", text(run.name))
        object.set("state", run.state.rawValue)
        object.set("started", Double(run.startedNanoseconds) / 1e9)
        object.set("updated", Double(run.updatedNanoseconds) / 1e9)
        object.set("jobs", run.jobs)
        object.set("step", run.finish?.step ?? run.lastStep?.step)
        object.set("total_steps", run.start?.totalSteps)
        object.set("loss", run.lastStep?.loss)
        object.set("held_out_loss", run.lastEvaluation?.loss)
        object.set("tokens_per_second", run.lastStep?.tokensPerSecond)
        object.set("seconds_left", run.lastStep?.details.secondsLeft)
        object.set("checkpoint_step", run.lastCheckpoint?.step)
        object.set("world_size", run.start?.worldSize)
        object.set("last_row", Int(run.lastRow))
        object.set("message", (run.failure?.message).map(text))
        return object.line
    }
}
