import Files
import Foundation

/// What lies beside the weights in a model's folder and belongs to the model: tokenizer, templates,
/// settings of generation, processors, code, licence.
///
/// Which names those are differs from family to family, so what does not belong is told instead:
/// weights in any form and their indexes, an adapter, what a trainer leaves behind, pictures, the
/// README (it describes the base model), data, hidden files and folders, and what is no file or cannot
/// be read.
struct ModelCompanions {
    /// Names of what is brought along; a folder's own are told with it.
    private let names: [String]
    /// Names of what is not.
    let leftOut: [String]
    private let folder: String

    /// Folders that transformers reads; their files are copied.
    private static let folders: Set<String> = ["additional_chat_templates"]

    private static let otherEndings: Set<String> = [
        // Weights.
        "safetensors", "bin", "gguf", "pt", "pth", "ckpt", "h5", "msgpack", "onnx", "onnx_data",
        "npz", "npy", "pkl", "ot", "tflite", "mlmodel", "data", "zip", "tar", "gz",
        // Data.
        "jsonl", "parquet", "csv", "ipynb", "arrow",
        // Pictures and logs.
        "png", "jpg", "jpeg", "gif", "svg", "webp", "pdf", "mp4", "log", "tmp",
    ]

    /// What is written anew, an adapter, what trainers leave behind.
    private static let otherNames: Set<String> = [
        "config.json", "adapter_config.json", "SHA256SUMS", "trainer_state.json",
        "training_args.json", "all_results.json", "train_results.json", "eval_results.json",
        "quantize_config.json", "quantization_config.json",
    ]

    /// - Throws: ``AdapterError`` if the folder cannot be read.
    init(of folder: String) throws(AdapterError) {
        self.folder = folder
        var (names, leftOut) = ([String](), [String]())
        func sort(_ name: String) {
            // A link that leads nowhere, a pipe: opened as it will be when it is copied.
            if (try? MappedFile(path: folder + "/" + name)) != nil {
                names.append(name)
            } else {
                leftOut.append(name)
            }
        }
        for name in try Self.list(folder) where !name.hasPrefix(".") {
            if Self.isFolder(folder + "/" + name) {
                guard Self.folders.contains(name) else {
                    leftOut.append(name + "/")
                    continue
                }
                for inner in try Self.list(folder + "/" + name)
                where !inner.hasPrefix(".") && !Self.isFolder("\(folder)/\(name)/\(inner)") {
                    sort(name + "/" + inner)
                }
            } else if Self.belongs(name) {
                sort(name)
            } else if name != "config.json" {
                leftOut.append(name)
            }
        }
        self.names = names
        self.leftOut = leftOut
    }

    /// Copies everything that belongs into the folder `target`.
    ///
    /// - Returns: ``leftOut``.
    /// - Throws: A ``Fault`` naming the file.
    func copy(to target: String) throws -> [String] {
        for name in names {
            let inner = name.firstIndex(of: "/").map { target + "/" + name[..<$0] }
            if let inner {
                try FileManager.default.createDirectory(
                    atPath: inner, withIntermediateDirectories: true)
            }
            let file = try MappedFile(path: folder + "/" + name)
            let bytes = withExtendedLifetime(file) { [UInt8](file.bytes) }
            try DurableFiles.create(target + "/" + name, with: bytes)
            if let inner { try DurableFiles.synchronize(folder: inner) }
        }
        return leftOut
    }

    private static func belongs(_ name: String) -> Bool {
        let lowercase = name.lowercased()
        guard !otherNames.contains(name), !lowercase.hasPrefix("readme"),
            !lowercase.hasSuffix(".index.json"), !lowercase.hasPrefix("events.out.")
        else { return false }
        let ending = lowercase.split(separator: ".").last.map(String.init) ?? ""
        return !otherEndings.contains(ending)
    }

    private static func list(_ folder: String) throws(AdapterError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw AdapterError(folder, "cannot be read (\(error.localizedDescription))")
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
