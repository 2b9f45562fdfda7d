import Words

/// What a terminal shows at its bottom while a run goes on: three lines about where it stands.
///
///     [#########.................] 312/1000  12 min 40 s left
///     loss 2.3141 █▆▄▃▂▂▁  held-out 2.4012  431 tokens/s
///     4 ranks on 2 hosts  checkpoint of step 300  rank 3 14 % slower than the mean
struct LiveView {
    private let totalSteps: Int
    private var ranks = ""
    private var step: ProgressRecord.Step?
    private var losses = Sparkline()
    private var heldOutLoss: Double?
    private var checkpointStep: Int?

    init(totalSteps: Int) {
        self.totalSteps = totalSteps
    }

    mutating func take(_ record: ProgressRecord) {
        switch record {
        case .runStarted(let value):
            ranks =
                "\(counted(value.worldSize, "rank")) on "
                + counted(Set(value.hosts).count, "host")
        case .step(let value):
            step = value
            losses.add(value.loss)
        case .evaluation(let value): heldOutLoss = value.loss
        case .checkpoint(let value): checkpointStep = value.step
        case .resumed(let value): checkpointStep = value.step
        case .warning, .finished, .failed, .gap: break
        }
    }

    /// Nothing before the first step. No line is as wide as the window: one that wraps cannot be
    /// cleared.
    func lines(columns: Int, isUnicode: Bool) -> [String] {
        guard let step else { return [] }
        return [bar(step, columns), numbers(step, columns, isUnicode), surroundings(step)].map {
            String($0.prefix(max(0, columns - 1)))
        }
    }

    private func bar(_ step: ProgressRecord.Step, _ columns: Int) -> String {
        var text = " \(step.step)/\(totalSteps)"
        if let left = step.details.secondsLeft { text += "  \(duration(seconds: left)) left" }
        let cells = min(40, columns - 1 - text.count - 2)
        guard cells >= 5 else { return String(text.dropFirst()) }
        let share = Double(min(step.step, totalSteps)) / Double(max(1, totalSteps))
        return progressBar(share, cells: cells) + text
    }

    private func numbers(
        _ step: ProgressRecord.Step, _ columns: Int, _ isUnicode: Bool
    ) -> String {
        let loss = "loss \(decimal(step.loss, places: 4))"
        var rest = heldOutLoss.map { "  held-out \(decimal($0, places: 4))" } ?? ""
        rest += "  \(decimal(step.tokensPerSecond, places: 0)) tokens/s"
        let width = min(32, columns - 2 - loss.count - rest.count)
        guard width >= 4 else { return loss + rest }
        return "\(loss) \(losses.text(width: width, isUnicode: isUnicode))\(rest)"
    }

    private func surroundings(_ step: ProgressRecord.Step) -> String {
        var parts = ranks.isEmpty ? [] : [ranks]
        if let checkpointStep { parts.append("checkpoint of step \(checkpointStep)") }
        if let words = step.stragglerWords { parts.append(words) }
        return parts.joined(separator: "  ")
    }
}
