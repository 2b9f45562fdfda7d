import Adapters
import ChatTemplates
import Checkpoints
import Datasets
import Files
import Foundation
import MetricsOutlets
import ModelFiles
import ProgressDelivery
import ProgressReports
import RunSettings
import Supervision
import Tokenization

/// A door through which strangers' bytes come in. Whatever they are, the reader returns or throws; a
/// trap, a hang or an endless allocation is a fault of ours.
enum FuzzTarget: String, CaseIterable {
    case safetensors
    case gguf
    case tokenizer
    case configuration
    case jsonl
    case manifest
    case archive
    case frame
    case greeting
    case reply
    case spool
    case template
    case adapter
    case settings
    case hostfile

    /// Where the bytes are laid down, as most readers want a path.
    private static let folder: String = {
        let base = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        let path = "\(base)/lora-fuzz-\(getpid())"
        mkdir(path, 0o700)
        // A configuration is read beside weights, a manifest beside its files.
        mkdir(path + "/model", 0o700)
        symlink(fixture + "/model.safetensors", path + "/model/model.safetensors")
        let checkpoint = path + "/step-00000007"
        mkdir(checkpoint, 0o700)
        try? Data(0...255).write(to: URL(fileURLWithPath: checkpoint + "/weights"))
        try? Data("{}".utf8).write(to: URL(fileURLWithPath: checkpoint + "/document.json"))
        atexit { FuzzTarget.clean() }
        return path
    }()

    private static let fixture =
        FileManager.default.currentDirectoryPath + "/Tests/Fixtures/tiny-llama"

    static func clean() { try? FileManager.default.removeItem(atPath: folder) }

    private static func lay(_ bytes: [UInt8], _ name: String) throws -> String {
        let path = folder + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Feeds the reader; returns whether it took the bytes for good.
    func run(_ bytes: [UInt8]) -> Bool {
        do {
            try feed(bytes)
            return true
        } catch {
            // Every refusal must be able to say why.
            precondition(!"\(error)".isEmpty, "an error without words")
            return false
        }
    }

    private func feed(_ bytes: [UInt8]) throws {
        switch self {
        case .safetensors: try Self.readTensors(bytes)
        case .gguf: try Self.readGGUF(bytes)
        case .tokenizer:
            let path = try Self.lay(bytes, "tokenizer.json")
            defer { unlink(path) }
            _ = try Tokenizer(folder: Self.folder).encode("Two words, 42 and \u{1F600} ünï\r\n\t")
        case .configuration:
            _ = try Self.lay(bytes, "model/config.json")
            _ = try BaseModel.open(path: Self.folder + "/model")
        case .jsonl:
            _ = try loadDataset(
                path: try Self.lay(bytes, "data.jsonl"), format: nil,
                tokenizer: Self.smallTokenizer, maxLength: 64, skipBadLines: false)
        case .manifest: try Self.readManifest(bytes)
        case .archive: _ = try CheckpointArchive(bytes: bytes)
        case .frame: Self.show(try ProgressMessage.decode(bytes))
        case .greeting: _ = try ProgressGreeting.Hello(decoding: bytes)
        case .reply: _ = try ProgressGreeting.Reply(decoding: bytes)
        case .spool: try Self.readSpool(bytes)
        case .template:
            _ = try ChatTemplate(source: String(decoding: bytes, as: UTF8.self), name: "fuzz")
                .render(
                    [
                        ChatMessage(role: "user", content: "x"),
                        ChatMessage(role: "assistant", content: "y"),
                    ],
                    addGenerationPrompt: true, bosToken: "<s>", eosToken: "</s>")
        case .adapter:
            _ = try AdapterConfiguration(path: try Self.lay(bytes, "adapter_config.json"))
        case .settings:
            let settings = try SettingsFile(path: try Self.lay(bytes, "run.yaml")).values
            _ = try RunConfiguration(SettingValues(settings))
        case .hostfile: _ = try Hostfile(path: try Self.lay(bytes, "hosts"))
        }
    }

    /// All that is made of a record once it is in.
    private static func show(_ record: TimedRecord) {
        _ = (record.sentence, record.jsonLineWithSender)
        var text = PrometheusText()
        text.add(record.record, runID: record.runID, runName: record.runID)
        let lines = text.text.unicodeScalars.split(separator: "\n")
        precondition(
            lines.allSatisfy { $0.first == "#" || $0.starts(with: "lora_".unicodeScalars) },
            "a label has left its line")
        precondition(!ProgressMessage.encode(record).isEmpty, "it cannot be written again")
    }

    private struct NoEntry: Error {}

    private static func readSpool(_ bytes: [UInt8]) throws {
        mkdir(folder + "/spool", 0o700)
        let path = try lay(bytes, "spool/000000000001.records")
        defer { unlink(path) }
        let spool = Spool(folder: folder + "/spool")
        var found = 0
        while let item = spool.next() {
            found += 1
            precondition(item.gaps.allSatisfy { $0.first <= $0.last.sequence }, "a gap of nothing")
            _ = spool.acknowledge(item.entry.place)
        }
        precondition(spool.isEmpty, "something stays")
        if found == 0 { throw NoEntry() }
    }

    private static func readTensors(_ bytes: [UInt8]) throws {
        let file = try SafetensorsFile(path: try lay(bytes, "x.safetensors"))
        for entry in file.entries {
            precondition(entry.byteRange.upperBound <= bytes.count, "\(entry.name) is outside")
            if ["F32", "F16", "BF16"].contains(entry.typeName) {
                _ = try file.tensor(entry.name).floats()
            }
        }
    }

    private static func readGGUF(_ bytes: [UInt8]) throws {
        let path = try lay(bytes, "x.gguf")
        let file = try GGUFFile(path: path)
        for entry in file.entries {
            precondition(entry.byteRange.upperBound <= bytes.count, "\(entry.name) is outside")
        }
        let model = try BaseModel.open(path: path)
        _ = try Tokenizer(model: model).encode("Two words")
    }

    /// The manifest's own digest is made to fit, as it would keep every change from being read.
    private static func readManifest(_ bytes: [UInt8]) throws {
        let seal = Array("  \"sha256\": \"".utf8)
        let end = bytes.count - (seal.count + 64 + 4)
        let sealed = end > 0 ? Array(bytes[..<end]) : bytes
        let digest = SHA256.digest(of: sealed).hexadecimal
        let checkpoint = folder + "/step-00000007"
        _ = try lay(sealed + seal + Array("\(digest)\"\n}\n".utf8), "step-00000007/MANIFEST.json")
        _ = try CheckpointStore.load(checkpointAt: checkpoint)
    }

    private static let smallTokenizer: Tokenizer = {
        do {
            return try Tokenizer(folder: fixture)
        } catch {
            fatalError("run it in the repository's root: \(error)")
        }
    }()
}
