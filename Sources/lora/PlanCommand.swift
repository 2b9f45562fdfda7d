import ArgumentParser
import Faults
import Files
import Foundation
import JSON
import ModelFiles
import Operations
import RunSettings

/// `lora plan`: what a run will take, before it runs.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say what a run will take: memory, time, bytes on the wire, sizes of files.",
        discussion: """
            With --model and --data, the plan reads what a rank reads, computes some slices of the \
            run on this machine, and looks at all slices that the run will have; give it the run's \
            own settings. "A node" is a machine whose ranks share one copy of the base model.

            Examples:
              lora plan --model SmolLM2.gguf --data train.jsonl --ranks 8 --threads 2
              lora plan --config run.yaml --ranks 64 --ranks-per-node 8 --cores-per-node 16

            With a range of ranks it says how a step would scale: --ranks 8..4096 takes the speed of \
            this machine's lanes and the run's real slices, and adds all-reduce and broadcast by a \
            model of the network, α + bytes/β a message. "strong" divides one batch among the \
            ranks, "weak" gives each rank a batch of its own; every rank has cores of its own.

              lora plan --model SmolLM2.gguf --data train.jsonl --batch-size 1024 --ranks 8..4096 \\
                  --latency-us 5 --bandwidth-gbps 100 --svg scaling.svg

            With --shape it answers from the sizes of a model that need not be on disk: trainable \
            parameters, sizes of adapter and checkpoint, and memory beside full fine-tuning. \
            Activations are not in it, because they depend on the data.

              lora plan --shape gpt3-175b --rank 4 --targets q,v
              lora plan --shape layers=30,width=576,heads=9,kv-heads=3,feed-forward=1536,vocabulary=49152
            """)

    @OptionGroup(title: "The run") var given: RunSettingOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Ranks of the run, or a range such as 8..4096 for a scaling curve (default: 1).",
            valueName: "number"))
    var ranks: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Ranks that share a node (default: all).", valueName: "number"))
    var ranksPerNode: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Cores of a node (default: this machine's).", valueName: "number"))
    var coresPerNode: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seconds to compute for the time of a step; 0 leaves it out (default: 4).",
            valueName: "seconds"))
    var calibrate: String?

    @Option(
        name: .customLong("latency-us"), parsing: .unconditional,
        help: ArgumentHelp(
            "Latency of a message, for a range of ranks (default: 5).", valueName: "microseconds"))
    var latency: String?

    @Option(
        name: .customLong("bandwidth-gbps"), parsing: .unconditional,
        help: ArgumentHelp(
            "Bandwidth of a rank's link, for a range of ranks (default: 10).",
            valueName: "gigabits a second"))
    var bandwidth: String?

    @Option(
        help: ArgumentHelp(
            "halving, ring or tree: how the modelled all-reduce goes about it (default: halving).",
            valueName: "name"))
    var allreduce: String?

    @Option(
        help: ArgumentHelp("Draw the efficiency curves there.", valueName: "file.svg"))
    var svg: String?

    @Option(
        help: ArgumentHelp(
            "A known model, e.g. llama-3-8b, or layers=…,width=…,heads=…,feed-forward=…,vocabulary=….",
            valueName: "name or sizes"))
    var shape: String?

    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    private static let mostRanks = 65_536

    func run() throws {
        try exitingOnFault {
            if let shape {
                let texts = given.settings
                guard texts["model"] == nil, texts["data"] == nil, given.config == nil else {
                    throw OperationsError(
                        "--shape", "and --model, --data or --config are both given",
                        hint: "Plan either for a shape or for a run")
                }
                try plan(shape: shape)
            } else if let ranks, ranks.contains("..") {
                try planScaling(try Self.range(ranks))
            } else {
                try planRun()
            }
        }
    }

    private func plan(shape text: String) throws {
        let settings = try SettingValues(given.settings)
        let plan = try ShapePlan(
            shape: DecoderConfiguration(shape: text), adapterRank: settings.adapterRank,
            targets: settings.targets ?? "q,v")
        let lanes = settings.threads ?? 1
        guard json else { return print(plan.table(lanes: lanes)) }
        var object = JSONObject()
        plan.add(to: &object, lanes: lanes)
        print(object.line)
    }

    private func planRun() throws {
        var question = RunPlan.Question()
        question.ranks = try NumberFlag("--ranks", ranks).whole ?? 1
        guard question.ranks <= Self.mostRanks else {
            throw OperationsError("--ranks", "is above \(Self.mostRanks)")
        }
        question.ranksOnNode = try NumberFlag("--ranks-per-node", ranksPerNode).whole
        question.cores = try NumberFlag("--cores-per-node", coresPerNode).whole
        question.calibrationSeconds = try NumberFlag("--calibrate", calibrate).notNegative ?? 4
        let line = StageLine()
        let plan = try RunPlan(
            settings: given.settings, configurationFile: given.config, question,
            progress: line.update)
        line.finish()
        if json { warn(plan.remarks) }
        print(json ? plan.json : plan.table)
    }

    private func planScaling(_ ranks: [Int]) throws {
        let microseconds = try NumberFlag("--latency-us", latency).notNegative ?? 5
        let gigabits = try NumberFlag("--bandwidth-gbps", bandwidth).notNegative ?? 10
        guard gigabits > 0 else {
            throw OperationsError("--bandwidth-gbps", "is 0; it must be above 0")
        }
        guard let kind = NetworkModel.AllReduce(rawValue: allreduce ?? "halving") else {
            let names = NetworkModel.AllReduce.allCases.map(\.rawValue).joined(separator: ", ")
            throw OperationsError(
                "--allreduce", "is '\(allreduce ?? "")'; choose among \(names)")
        }
        let line = StageLine()
        let plan = try ScalingPlan(
            settings: given.settings, configurationFile: given.config, ranks: ranks,
            network: NetworkModel(
                latencySeconds: microseconds * 1e-6, bytesPerSecond: gigabits * 1e9 / 8,
                allReduce: kind),
            calibrationSeconds: try NumberFlag("--calibrate", calibrate).notNegative ?? 4,
            progress: line.update)
        line.finish()
        if let svg { try DurableFiles.writeDurably(plan.chart.svg, to: svg) }
        print(json ? plan.json : plan.table)
    }

    /// `8..4096` as 8, 16, … 4096.
    private static func range(_ text: String) throws(OperationsError) -> [Int] {
        let ends = text.components(separatedBy: "..").map { Int($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first >= 1,
            first <= last, last <= mostRanks
        else {
            throw OperationsError(
                "--ranks", "is '\(text)'; a range is as 8..4096, from 1 to \(mostRanks) at most")
        }
        var ranks = [first]
        while let largest = ranks.last, largest * 2 <= last { ranks.append(largest * 2) }
        if ranks.last != last { ranks.append(last) }
        return ranks
    }
}
