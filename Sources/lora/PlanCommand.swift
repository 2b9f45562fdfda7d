import ArgumentParser
import Faults
import Operations

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

            With --shape it answers from the sizes of a model that need not be on disk: trainable \
            parameters, sizes of adapter and checkpoint, and memory beside full fine-tuning. \
            Activations are not in it, because they depend on the data.

              lora plan --shape gpt3-175b --rank 4 --targets q,v
              lora plan --shape layers=30,width=576,heads=9,kv-heads=3,feed-forward=1536,vocabulary=49152
            """)

    @OptionGroup(title: "The run") var given: RunSettingOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Ranks of the run (default: 1).", valueName: "number"))
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
        help: ArgumentHelp(
            "A known model, e.g. llama-3-8b, or layers=…,width=…,heads=…,feed-forward=…,vocabulary=….",
            valueName: "name or sizes"))
    var shape: String?

    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    func run() throws {
        try exitingOnFault {
            if let shape {
                guard given.model == nil, given.data == nil, given.config == nil else {
                    throw OperationsError(
                        "--shape", "and --model, --data or --config are both given",
                        hint: "Plan either for a shape or for a run")
                }
                try plan(shape: shape)
            } else {
                try planRun()
            }
        }
    }

    private func plan(shape text: String) throws {
        let plan = try ShapePlan(
            shape: ModelShape(text: text), adapterRank: NumberFlag("--rank", given.rank).whole ?? 8,
            targets: given.targets ?? "q,v")
        let lanes = try NumberFlag("--threads", given.threads).whole ?? 1
        guard json else { return print(plan.table(lanes: lanes)) }
        var object = JSONText()
        plan.add(to: &object, lanes: lanes)
        print(object.text)
    }

    private func planRun() throws {
        var question = RunPlan.Question()
        question.ranks = try NumberFlag("--ranks", ranks).whole ?? 1
        question.ranksOnNode = try NumberFlag("--ranks-per-node", ranksPerNode).whole
        question.cores = try NumberFlag("--cores-per-node", coresPerNode).whole
        question.calibrationSeconds = try NumberFlag("--calibrate", calibrate).notNegative ?? 4
        let line = StageLine()
        let plan = try RunPlan(
            settings: given.settings, configurationFile: given.config, question,
            progress: line.update)
        line.finish()
        print(json ? plan.json : plan.table)
    }
}
