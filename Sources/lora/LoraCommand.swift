import ArgumentParser

/// The tool around training: everything that one process does.
@main
struct LoraCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lora",
        abstract: "Look at, try and convert what lora-worker trains.",
        discussion: """
            Training itself is `mpirun -n 8 lora-worker …`; the commands below run in one process.
            """,
        subcommands: [
            BenchCommand.self, DataCommand.self, EvalCommand.self, GenerateCommand.self,
            InspectCommand.self,
            MergeCommand.self,
            PlanCommand.self,
            TokenizeCommand.self,
            VerifyCommand.self,
        ])
}
