import ArgumentParser
import Operations

/// `lora plan`: what a run will take, before it runs.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say what training will take.",
        discussion: """
            --shape answers from the sizes of a model that need not be on disk: trainable \
            parameters, the sizes of adapter and checkpoint, and memory beside full fine-tuning. \
            Activations are not in it: they depend on the data.

            Example:
              lora plan --shape gpt3-175b --rank 4 --targets q,v
            """)

    @Option(
        help: ArgumentHelp(
            "A known model, e.g. llama-3-8b, or layers=…,width=…,heads=…,feed-forward=…,vocabulary=….",
            valueName: "name or sizes"))
    var shape: String

    @Option(
        help: ArgumentHelp(
            "Projections to adapt: q, k, v, o, gate, up, down, module names, or all-linear.",
            valueName: "names"))
    var targets = "q,v"

    @Option(parsing: .unconditional, help: ArgumentHelp("Rank of A and B.", valueName: "r"))
    var rank = "8"

    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func run() throws {
        try exitingOnFault {
            guard let adapterRank = Int(rank) else {
                throw OperationsError("--rank", "is '\(rank)'; it must be a whole number")
            }
            let plan = try ShapePlan(
                shape: ModelShape(text: shape), adapterRank: adapterRank, targets: targets)
            if json {
                var object = JSONText()
                plan.add(to: &object, lanes: 1)
                print(object.text)
            } else {
                print(plan.table(lanes: 1))
            }
        }
    }
}
