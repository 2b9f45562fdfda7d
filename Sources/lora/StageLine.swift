import Words

/// Progress of a command that does one thing after the other: a line for each.
final class StageLine {
    private var stage: String?
    private var line: ProgressLine?

    func update(_ what: String, _ done: Int, _ total: Int) {
        if what != stage {
            line?.finish()
            stage = what
            line = ProgressLine(what, unit: "parts")
        }
        line?.update(done, of: total)
    }

    func finish() { line?.finish() }
}
