import ArgumentParser
import Checkpoints
import Faults
import RunSettings
import Training
import Words

/// `lora verify`: whether every file of a run is as it was written.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every checkpoint of a run, and its adapter, byte for byte.",
        discussion: """
            Each checkpoint is compared with the SHA-256 of its manifest, and the finished adapter \
            with the run's final record. One line each; nothing is changed. Exit code 0 if all are \
            good, 78 otherwise. Folders that a killed job left, or that a resumed one set aside, \
            are named and do not count.

            Example:
              lora verify run1
            """)

    @Argument(help: ArgumentHelp("The folder that was --out of a run.", valueName: "run"))
    var path: String

    func run() throws {
        try exitingOnFault {
            let records = try RunRecords(path: path)
            let checkpoints = try records.checkpoints()
            var bad = 0
            var good = 0
            for verdict in checkpoints {
                switch verdict.finding {
                case .whole: good += 1
                case .damaged: bad += 1
                case .setAside, .unfinished, .stranger: break
                }
                print(line(verdict))
            }
            let adapter = records.adapter()
            print(line(adapter, records.path))
            switch adapter {
            case .whole: good += 1
            case .damaged: bad += 1
            case .unfinished: break
            }
            guard bad == 0, good > 0 else {
                throw ConfigurationError(
                    path, bad > 0 ? "\(bad) of \(bad + good) are damaged" : "holds no checkpoint",
                    hint: bad > 0
                        ? "lora-worker goes on from the newest checkpoint that is good" : nil)
            }
        }
    }

    private func line(_ verdict: CheckpointVerdict) -> String {
        switch verdict.finding {
        case .whole:
            "good        \(verdict.path)  \(verdict.bytes.grouped) bytes  manifest "
                + (verdict.manifestSHA256 ?? "").prefix(12)
        case .damaged(let reason): "damaged     \(verdict.path): \(reason)".printable
        case .setAside: "set aside   \(verdict.path)".printable
        case .unfinished: "unfinished  \(verdict.path)".printable
        case .stranger: "not ours    \(verdict.path)".printable
        }
    }

    private func line(_ adapter: RunRecords.AdapterFinding, _ path: String) -> String {
        switch adapter {
        case .whole(let digest): "good        \(path)/adapter  SHA-256 \(digest.prefix(12))"
        case .damaged(let reason): "damaged     \(path)/adapter: \(reason)".printable
        case .unfinished: "unfinished  \(path)/adapter: the run has no final record yet"
        }
    }
}
