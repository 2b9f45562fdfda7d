import Foundation

/// A folder that disappears with its owner.
public final class ScratchFolder {
    public let path: String

    /// With `inMemory`, where there is a memory file system: hundreds of `fsync`s take minutes on a
    /// disk.
    public init(inMemory: Bool = false) throws {
        let memory = "/dev/shm/"
        let isThere = FileManager.default.isWritableFile(atPath: memory)
        path =
            (inMemory && isThere ? memory : NSTemporaryDirectory())
            + "lora-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    public func names(_ folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).sorted()
    }

    public func read(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }

    public func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    /// Every file below, by relative path, with its contents: equal means unchanged.
    public func snapshot() throws -> [String: [UInt8]] {
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
