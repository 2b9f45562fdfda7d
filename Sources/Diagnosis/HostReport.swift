import Faults
import Files
import Foundation
import Kernels
import ProgressReports
import Training

/// What a host says of itself before a run.
public struct HostReport: Codable, Sendable, Equatable {
    public var name: String
    /// SHA-256 of the program that answers.
    public var program: String
    /// Widest vector kernels that it runs.
    public var kernelLevel: String
    /// Version and core of OpenBLAS with these, or why there is none.
    public var openBLAS: String
    public var hasOpenBLAS: Bool
    /// Lanes that a rank alone there would have.
    public var cores: Int
    public var availableMemoryBytes: Int
    /// Of the file system that the run's folder is on.
    public var freeDiskBytes: Int
    /// Median of some files of 1 MiB, `nil` where none can be written.
    public var fsyncSeconds: Double?
    /// SHA-256 by path, or why there is none.
    public var fingerprints: [String: String]
    public var unreadable: [String: String]
    /// Why the collector is not reached; `nil` if it is, or if none was asked for.
    public var collectorTrouble: String?
    /// The host's clock when it began and when it had all this.
    public var beganUnixSeconds: Double
    public var endedUnixSeconds: Double

    /// Asks this host.
    public init(_ question: HostQuestion) throws {
        beganUnixSeconds = Date().timeIntervalSince1970
        name = ProcessInfo.processInfo.hostName
        program = try SHA256.digest(ofFile: "/proc/self/exe").hexadecimal
        kernelLevel = KernelLevel.best.name
        do {
            openBLAS = try Backend(level: .best).identity.description
            hasOpenBLAS = true
        } catch {
            openBLAS = error.description
            hasOpenBLAS = false
        }
        cores = ProcessorCores.widen(localRank: 0, localSize: 1)
        availableMemoryBytes = HostMemory.availableBytes
        let folder = HostDisk.nearestFolder(to: question.out)
        freeDiskBytes = HostDisk.freeBytes(folder)
        fsyncSeconds = HostDisk.fsyncSeconds(in: folder)
        (fingerprints, unreadable) = ([:], [:])
        let ofFile = { (path: String) in try SHA256.digest(ofFile: path).hexadecimal }
        for (path, read) in [(question.model, Fingerprints.sha256(model:))]
            + question.data.map({ ($0, ofFile) })
        {
            guard let path else { continue }
            do {
                fingerprints[path] = try read(path)
            } catch {
                unreadable[path] = (error as? any Fault)?.description ?? "\(error)"
            }
        }
        collectorTrouble = question.collector.flatMap(CollectorReach.trouble)
        endedUnixSeconds = Date().timeIntervalSince1970
    }

    /// Bounds, in seconds, of how far the host's clock is ahead of the clock of whoever asked it between
    /// these two times: what was said after `asked` and before `answered` cannot be from another time.
    public func clockOffset(
        asked: Double, answered: Double
    ) -> (least: Double, most: Double) {
        (endedUnixSeconds - answered, beganUnixSeconds - asked)
    }
}

/// What this host's memory can still take.
enum HostMemory {
    static var availableBytes: Int {
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") } ?? ""
        let free = (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
        // A container may have less.
        return [limit("/sys/fs/cgroup/memory.max", used: "/sys/fs/cgroup/memory.current"), free]
            .compactMap { $0 }.min() ?? free
    }

    private static func limit(_ path: String, used: String) -> Int? {
        func number(_ path: String) -> Int? {
            (try? String(contentsOfFile: path, encoding: .utf8))
                .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
        guard let most = number(path) else { return nil }
        return max(0, most - (number(used) ?? 0))
    }
}

/// The disk below a run's folder.
enum HostDisk {
    /// The folder itself, or the first one above it that exists.
    static func nearestFolder(to path: String) -> String {
        var folder = URL(fileURLWithPath: path).standardized.path
        while folder != "/", !FileManager.default.fileExists(atPath: folder) {
            folder = URL(fileURLWithPath: folder).deletingLastPathComponent().path
        }
        return folder
    }

    static func freeBytes(_ folder: String) -> Int {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return 0 }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// Median seconds to force 1 MiB to the disk.
    static func fsyncSeconds(in folder: String) -> Double? {
        let path = "\(folder)/.lora-doctor-\(UUID().uuidString)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        defer {
            close(descriptor)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 0x5A, count: 1 << 20)
        var times: [Double] = []
        for _ in 0..<5 {
            let began = DispatchTime.now().uptimeNanoseconds
            guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, fsync(descriptor) == 0
            else { return nil }
            times.append(Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9)
        }
        return times.sorted()[times.count / 2]
    }
}

/// Whether somebody listens at the collector's address.
enum CollectorReach {
    private static let patienceMilliseconds: Int32 = 3000

    /// - Returns: Why nobody was reached, or `nil`.
    static func trouble(_ text: String) -> String? {
        let address: CollectorAddress
        do { address = try CollectorAddress(text, flag: "--collector") } catch {
            return error.description
        }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(address.host, "\(address.port)", &hints, &found)
        guard status == 0, let first = found else {
            return String(cString: gai_strerror(status))
        }
        defer { freeaddrinfo(found) }
        let handle = socket(
            first.pointee.ai_family,
            first.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue)
                | Int32(SOCK_CLOEXEC.rawValue),
            0)
        guard handle >= 0 else { return String(cString: strerror(errno)) }
        defer { close(handle) }
        if connect(handle, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 { return nil }
        guard errno == EINPROGRESS else { return String(cString: strerror(errno)) }
        var waiting = pollfd(fd: handle, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, patienceMilliseconds) == 1 else { return "no answer" }
        var (error, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &length)
        return error == 0 ? nil : String(cString: strerror(error))
    }
}
