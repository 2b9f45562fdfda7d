// The victim of CrashTests: resumes, saves one checkpoint and prunes, as a training job does.
// checkpoint-saver FOLDER STEP VARIANT KEEP
import Checkpoints
import Faults
import Files
import Glibc

let arguments = CommandLine.arguments
guard arguments.count == 5, let step = Int(arguments[2]), let variant = UInt8(arguments[3]),
    let keep = Int(arguments[4])
else { exit(64) }

func say(_ text: String) {
    _ = text.withCString { write(1, $0, strlen($0)) }
}

do throws(FileError) {
    let store = CheckpointStore(folder: arguments[1])
    let parent = try store.loadNewest()
    let adapter = [UInt8](repeating: variant &+ UInt8(truncatingIfNeeded: step), count: 70_000)
    _ = try store.save(
        step: step, runID: "crash-test", parent: parent?.manifestSHA256,
        document: "{\"variant\": \(variant)}",
        files: [
            CheckpointFile(name: "adapter", bytes: adapter),
            CheckpointFile(name: "moments", bytes: adapter.reversed()),
        ])
    say("SAVED\n")
    _ = try store.prune(keeping: keep)
    say("pruned\n")
} catch {
    say("error: \(error)\n")
    exit(error.exitCode.rawValue)
}
