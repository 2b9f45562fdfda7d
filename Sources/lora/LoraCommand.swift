import ArgumentParser
import CommandOptions
import Supervision

@main
enum LoraProgram {
    static func main() {
        // A supervisor that is asked to stop before it has begun must not just die.
        if CommandLine.arguments.dropFirst().first == "launch" { LaunchSignals.hold() }
        LoraCommand.endIfOptionIsRepeated()
        LoraCommand.main()
    }
}

/// The tool around training: everything that one process does.
struct LoraCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lora",
        abstract: "Look at, try and convert what lora-worker trains.",
        discussion: """
            Training itself is `mpirun -n 8 lora-worker …`, or `lora launch -n 8 -- lora-worker …`, \
            which starts it again after failures; the other commands run in one process.
            """,
        version: ProgramVersion.text,
        subcommands: [
            BenchCommand.self, DataCommand.self, DoctorCommand.self, EvalCommand.self,
            GenerateCommand.self,
            InspectCommand.self, LaunchCommand.self,
            MergeCommand.self,
            PlanCommand.self,
            ReportCommand.self,
            RunsCommand.self,
            TokenizeCommand.self,
            VerifyCommand.self,
        ])
}
