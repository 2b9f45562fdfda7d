import JSON
import Operations
import Words

extension RunPlan {
    /// The plan as a table for people.
    var table: String {
        var sections = [runRows.text, memoryRows.text]
        if stepTime != nil { sections.append(timeRows.text) }
        return (sections + remarks.map { "note: \($0)" }).joined(separator: "\n\n")
    }

    private var runRows: TextTable {
        var rows = TextTable()
        rows.add(["ranks", "\(ranks), \(ranksOnNode) a node, \(lanes) lanes each"])
        rows.add([
            "parameters", "\(modelParameters.grouped), trainable \(trainableParameters.grouped)",
        ])
        rows.add([
            "a step",
            "\(tokensPerStep.shown(decimals: 0)) tokens, "
                + "\(computedTokensPerStep.shown(decimals: 0)) computed, "
                + "\(targetTokensPerStep.shown(decimals: 0)) targets",
        ])
        rows.add(["steps", "\(steps.grouped), \(stepsSeen.grouped) looked at"])
        rows.add([
            "on the wire",
            "\(reducedBytes.shownBytes) reduced, \(broadcastBytes.shownBytes) broadcast a step",
        ])
        rows.add(["adapter", adapterBytes.shownBytes])
        rows.add(["checkpoint", checkpointBytes.shownBytes])
        return rows.alignedLeft
    }

    private var memoryRows: TextTable {
        var rows = TextTable()
        let lanesOfRanks = memory.laneBytesByRank
        rows.add(["memory", ""])
        rows.add(["shared by the ranks of a node", memory.sharedBytes.shownBytes])
        rows.add(["  of it, the base model's files", "\(memory.modelFileBytes.shownBytes) at most"])
        rows.add(["each rank: process and data", memory.processBytes.shownBytes])
        let (least, most) = (lanesOfRanks.min() ?? 0, lanesOfRanks.max() ?? 0)
        rows.add([
            "each rank: lanes",
            least == most ? most.shownBytes : "\(least.shownBytes) to \(most.shownBytes)",
        ])
        if memory.reduceBytes > 0 {
            rows.add(["each rank: sums in transit", memory.reduceBytes.shownBytes])
        }
        rows.add(["rank 0: optimizer, checkpoint", memory.coordinatorBytes.shownBytes])
        rows.add(["largest rank", memory.largestRankBytes.shownBytes])
        rows.add(["node", memory.nodeBytes.shownBytes])
        return rows.alignedLeft
    }

    private var timeRows: TextTable {
        var rows = TextTable()
        guard let calibration, let stepTime else { return rows }
        let speed = calibration.operationsPerSecondOfLane * 1e-9
        rows.add(["time", ""])
        rows.add([
            "measured",
            "\(speed.shown(decimals: 1)) GFLOP/s a lane, \(calibration.lanes) at once, "
                + "\(calibration.slices) slices",
        ])
        rows.add(["a step", "\(stepTime.seconds.shown(decimals: 3)) s"])
        rows.add([
            "tokens", "\((tokensPerStep / stepTime.seconds).shown(decimals: 0)) a second",
        ])
        let total = stepTime.seconds * Double(steps)
        rows.add(["the run", total.shownDuration])
        rows.add(["kernels", kernels])
        return rows.alignedLeft
    }

    /// The plan as one JSON object.
    var json: String {
        var object = JSONObject()
        object.set("ranks", ranks)
        object.set("ranks_on_node", ranksOnNode)
        object.set("lanes", lanes)
        object.set("parameters", modelParameters)
        object.set("trainable_parameters", trainableParameters)
        object.set("reduced_bytes_per_step", reducedBytes)
        object.set("broadcast_bytes_per_step", broadcastBytes)
        object.set("adapter_bytes", adapterBytes)
        object.set("checkpoint_bytes", checkpointBytes)
        object.set("steps", steps)
        object.set("tokens_per_step", tokensPerStep)
        object.set("computed_tokens_per_step", computedTokensPerStep)
        object.set("target_tokens_per_step", targetTokensPerStep)
        object.set("shared_bytes", memory.sharedBytes)
        object.set("model_file_bytes", memory.modelFileBytes)
        object.set("process_bytes", memory.processBytes)
        object.set("loading_bytes", memory.loadingBytes)
        object.set("reduce_bytes", memory.reduceBytes)
        object.set("coordinator_bytes", memory.coordinatorBytes)
        object.set("largest_lanes_bytes", memory.laneBytesByRank.max() ?? 0)
        object.set("largest_rank_bytes", memory.largestRankBytes)
        object.set("node_bytes", memory.nodeBytes)
        if let calibration, let stepTime {
            object.set("lane_operations_per_second", calibration.operationsPerSecondOfLane)
            object.set("step_seconds", stepTime.seconds)
        }
        object.set("kernels", kernels)
        return object.line
    }
}

extension Double {
    /// Seconds as a person reads them.
    var shownDuration: String {
        guard isFinite, self >= 0, self < 1e12 else { return "-" }
        let seconds = Int(rounded())
        if seconds < 120 { return "\(shown(decimals: 1)) s" }
        if seconds < 7200 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    }
}
