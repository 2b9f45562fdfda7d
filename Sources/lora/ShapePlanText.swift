import JSON
import ModelFiles
import Operations
import Words

extension ShapePlan {
    /// The plan as a table for people.
    ///
    /// - Parameter lanes: Lanes of a rank.
    func table(lanes: Int) -> String {
        var facts = TextTable()
        facts.add(["parameters", shape.parameterCount.grouped])
        facts.add(["trainable", trainableParameters.grouped])
        let share = Double(trainableParameters) / Double(shape.parameterCount) * 100
        facts.add(["share of all", "\(share.shown(decimals: 4))%"])
        facts.add(["adapter, float32", adapterBytes(bytesPerParameter: 4).shownBytes])
        facts.add(["adapter, float16", adapterBytes(bytesPerParameter: 2).shownBytes])
        facts.add(["checkpoint", checkpointBytes.shownBytes])
        facts.add(["reduced a step", bytesPerStep.reduced.shownBytes])
        facts.add(["broadcast a step", bytesPerStep.broadcast.shownBytes])

        var memory = TextTable()
        memory.add(["memory without activations", "base model", "a rank", "rank 0 more", "sum"])
        for type in BaseType.allCases {
            let (base, rank) = (baseBytes(type), rankBytes(lanes: lanes))
            memory.add([
                "LoRA, base in \(type.rawValue)", base.shownBytes, rank.shownBytes,
                coordinatorBytes.shownBytes, (base + rank + coordinatorBytes).shownBytes,
            ])
        }
        memory.add(["full fine-tuning, Adam, float32", "", "", "", fullFineTuningBytes.shownBytes])
        return facts.text + "\n\n" + memory.text
            + "\n\nThe base model is counted once a node: its ranks share one copy."
    }

    /// The plan as members of a JSON object.
    func add(to object: inout JSONObject, lanes: Int) {
        object.set("parameters", shape.parameterCount)
        object.set("trainable_parameters", trainableParameters)
        object.set("adapter_bytes_float32", adapterBytes(bytesPerParameter: 4))
        object.set("adapter_bytes_float16", adapterBytes(bytesPerParameter: 2))
        object.set("checkpoint_bytes", checkpointBytes)
        object.set("reduced_bytes_per_step", bytesPerStep.reduced)
        object.set("broadcast_bytes_per_step", bytesPerStep.broadcast)
        for type in BaseType.allCases {
            let name = type == .fourBit ? "four_bit" : type.rawValue
            object.set("base_bytes_\(name)", baseBytes(type))
        }
        object.set("rank_bytes", rankBytes(lanes: lanes))
        object.set("coordinator_bytes", coordinatorBytes)
        object.set("full_fine_tuning_bytes_float32", fullFineTuningBytes)
    }
}
