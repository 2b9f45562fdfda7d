import Faults
import Files
import Foundation

/// A folder of samples files, shared by all processes of a node.
///
/// A file is made under a temporary name by whoever holds its lock, and appears by a rename; the
/// others wait and map it. A lock belongs to a process and goes with it, so a killed one leaves
/// only temporary files, which the next one with that lock removes.
public struct SampleCache: Sendable, Equatable {
    public let folder: String
    /// Whether it was named by a person; then a folder that cannot be written to is an error.
    public let isAsked: Bool

    /// Somebody who makes a file and shows no progress for so long is given up.
    private let patienceSeconds: Double

    /// - Parameters:
    ///   - folder: `nil` takes `$XDG_CACHE_HOME/lora-cluster`, or else `~/.cache/lora-cluster`.
    ///   - patienceSeconds: How long another process that makes the same file may show no progress.
    public init(folder: String? = nil, patienceSeconds: Double = 180) {
        self.patienceSeconds = patienceSeconds
        isAsked = folder != nil
        let environment = ProcessInfo.processInfo.environment
        let base =
            environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
            ?? environment["HOME"].flatMap { $0.isEmpty ? nil : $0 + "/.cache" }
            ?? NSTemporaryDirectory()
        self.folder = folder ?? base + "/lora-cluster"
    }

    private static let suffix = ".samples"

    /// Number and size of the files of the folder.
    public func contents() -> (files: Int, bytes: Int) {
        var found = (files: 0, bytes: 0)
        for name in names where name.hasSuffix(Self.suffix) {
            var status = stat()
            guard stat(folder + "/" + name, &status) == 0 else { continue }
            found.files += 1
            found.bytes += Int(status.st_size)
        }
        return found
    }

    /// Removes all samples files; runs that have mapped one keep it until they end.
    ///
    /// - Returns: Bytes that were freed.
    public func clear() throws(DatasetError) -> Int {
        let bytes = contents().bytes
        for name in names where name.hasSuffix(Self.suffix) {
            guard unlink(folder + "/" + name) == 0 || errno == ENOENT else {
                throw DatasetError(
                    "cannot be removed (\(String(cString: strerror(errno))))",
                    at: folder + "/" + name)
            }
        }
        return bytes
    }

    private var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// The file of a key: mapped if it is there, made if not.
    ///
    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - origin: Set to how the file came about.
    ///   - report: Given words for a person who waits.
    ///   - make: Makes the file at a path; calls its argument now and then.
    /// - Throws: ``DatasetError`` of `make`, or if the folder cannot be used.
    func file(
        _ key: [UInt64], origin: inout SampleOrigin, report: (String) -> Void,
        make: (_ path: String, _ touch: @escaping @Sendable () -> Void) throws(DatasetError) -> Void
    ) throws(DatasetError) -> SampleFile {
        let name = key.map(\.hexadecimal).joined()
        let path = folder + "/" + name + Self.suffix
        origin = .mapped
        if let file = try existing(path, key) { return file }
        let lock = try lock(folder + "/." + name + ".lock", path, report)
        // The others find the file, and not the lock.
        defer { lock.removeFile() }
        // Somebody else may have made it meanwhile.
        if let file = try existing(path, key) { return file }
        origin = access(path, F_OK) == 0 ? .remade : .made
        for stale in names where stale.hasPrefix("." + name + ".") && stale.contains(".part") {
            unlink(folder + "/" + stale)
        }
        let temporary = "\(folder)/.\(name).\(getpid()).part"
        do throws(DatasetError) {
            try make(temporary) { lock.touch() }
            guard rename(temporary, path) == 0 else {
                throw DatasetError(ofCache: .system(errno, "cannot be written", at: path))
            }
        } catch {
            unlink(temporary)
            throw error
        }
        guard let file = try SampleFile(path: path, key: key) else {
            throw DatasetError(
                "was written and reads otherwise: the disk is not to be trusted", at: path,
                hint: "Name another folder with --cache")
        }
        return file
    }

    private func existing(_ path: String, _ key: [UInt64]) throws(DatasetError) -> SampleFile? {
        access(path, R_OK) == 0 ? try SampleFile(path: path, key: key) : nil
    }

    private func lock(
        _ lockPath: String, _ path: String, _ report: (String) -> Void
    ) throws(DatasetError) -> FileLock {
        var waited = 0
        var sign = FileLock.lastSign(lockPath)
        var quietSince = DispatchTime.now().uptimeNanoseconds
        while true {
            do throws(FileError) {
                if let lock = try FileLock(path: lockPath) {
                    lock.touch()
                    return lock
                }
            } catch {
                throw DatasetError(ofCache: error)
            }
            // Signs are compared with each other and never with a clock, which may be set.
            let now = DispatchTime.now().uptimeNanoseconds
            let newSign = FileLock.lastSign(lockPath)
            if newSign != sign { (sign, quietSince) = (newSign, now) }
            let idleSeconds = Double(now - quietSince) / 1e9
            guard idleSeconds < patienceSeconds else {
                throw DatasetError(
                    "another process tokenizes this data and has shown no progress for "
                        + "\(Int(idleSeconds)) s", at: lockPath,
                    hint: "End it, or give another --cache", exitCode: .tryAgain)
            }
            if waited == 40 {
                report("waiting for another process that tokenizes the same data (\(path))")
            }
            waited += 1
            usleep(50_000)
        }
    }
}

/// How a samples file came about.
public enum SampleOrigin: String, Sendable {
    /// It was there.
    case mapped
    case made
    /// It was there and damaged.
    case remade
    /// Made for this process alone, because the cache cannot be written to.
    case unsaved
}
