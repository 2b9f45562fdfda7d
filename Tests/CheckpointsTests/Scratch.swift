import Checkpoints
import Foundation

/// A folder that disappears with its owner.
final class Scratch {
    let path: String

    /// With `inMemory`, where there is a memory file system: hundreds of `fsync`s take minutes on a
    /// disk.
    init(inMemory: Bool = false) throws {
        let memory = "/dev/shm/"
        let isThere = FileManager.default.isWritableFile(atPath: memory)
        path =
            (inMemory && isThere ? memory : NSTemporaryDirectory())
            + "lora-checkpoints-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func names(_ folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).sorted()
    }

    func read(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    /// Every file below, by relative path, with its contents: equal means unchanged.
    func snapshot() throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        for name in FileManager.default.enumerator(atPath: path)?.allObjects ?? [] {
            guard let name = name as? String else { continue }
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
            result[name] = isFolder.boolValue ? [] : try read(name)
        }
        return result
    }
}

/// Saves what the tests expect back for `step`.
@discardableResult
func save(step: Int, variant: UInt8 = 0, in store: CheckpointStore) throws -> SavedCheckpoint {
    try store.save(
        step: step, runID: "run", parent: nil, document: "{\"step\": \(step)}",
        files: [
            CheckpointFile(name: "a.bin", bytes: contents(step: step, variant: variant)),
            CheckpointFile(name: "b.bin", bytes: [UInt8](repeating: 7, count: 300)),
        ])
}

func contents(step: Int, variant: UInt8 = 0) -> [UInt8] {
    (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ step) ^ variant }
}

/// A path beside this source file.
func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/" + name
}
