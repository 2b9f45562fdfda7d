import Faults
public import Files
import Foundation

/// The right to write to a run's folder: `OUT/.lease`, renewed every two seconds.
///
/// A lock of the system (`flock`) keeps two jobs of one host apart, and two hosts where the file
/// system carries locks. A lease also holds where it does not: whoever takes it over writes a new
/// file, and a job that was cut off or stopped meanwhile finds another name in it before it publishes
/// anything. It decides nothing by wall clocks, which differ between hosts: a holder is gone if its
/// beat does not change while another watches.
///
/// `@unchecked Sendable`: what changes is read and written under `lock`.
public final class RunLease: @unchecked Sendable {
    /// Names this job's hold among all; random.
    public let token: String
    private let path: String
    private let descriptor: Descriptor
    private let place: String
    private let launch: String

    private let lock = NSLock()
    /// Wakes the thread that renews. Its timeout is monotonic; that of a condition follows the wall
    /// clock, which may jump.
    private let wake = DispatchSemaphore(value: 0)
    private var beat = 0
    private var isLost = false
    private var isReleased = false

    private static let renewalSeconds = 2.0
    /// Four missed renewals.
    public static let patienceSeconds = 8.0

    /// Takes the lease: at once from a job of this machine or of the same supervisor, which are known to
    /// be over; else after watching the holder for ``patienceSeconds``.
    ///
    /// - Parameters:
    ///   - folder: The run's folder. Whoever calls holds its lock.
    ///   - host: Name of this machine.
    ///   - launch: Names the supervisor that started this job; empty for none.
    /// - Throws: ``FileError`` with exit code 76 if the holder is alive.
    public init(
        folder: String, host: String, launch: String = ""
    ) throws(FileError) {
        path = folder + "/.lease"
        token = randomHexadecimal() + randomHexadecimal()
        place = "\(host) \(Self.bootID)"
        self.launch = launch.isEmpty ? "-" : launch
        if let holder = Self.read(path), !holder.isReleased, holder.place != place,
            !holder.isOf(launch: launch)
        {
            try Self.watch(holder, at: path)
        }
        try DurableFiles.writeDurably(
            Self.text(token, place, self.launch, beat: 0), to: path, permissions: 0o644)
        descriptor = try Descriptor(path, O_WRONLY | O_NOFOLLOW)
        // Somebody else may have taken it over between the two calls: then the file is not ours.
        try check()
        let thread = Thread { [weak self] in
            while let end = self?.renewAndWait(), !end {}
        }
        thread.name = "lease"
        thread.start()
    }

    /// Whether this job still may write.
    ///
    /// - Throws: ``FileError`` with exit code 76 if another job has taken over.
    public func check() throws(FileError) {
        let isMine = Self.read(path).map { $0.token == token } ?? false
        lock.lock()
        if !isMine { isLost = true }
        let lost = isLost
        lock.unlock()
        if lost { throw .fencedOut(at: path) }
    }

    /// Whether another job was seen to have taken over; asks no disk.
    public var wasLost: Bool {
        lock.lock()
        defer { lock.unlock() }
        return isLost
    }

    /// Gives the lease back, so that a job on another machine need not wait.
    public func release() {
        lock.lock()
        defer { lock.unlock() }
        guard !isReleased else { return }
        isReleased = true
        if !isLost { write(released: true) }
        wake.signal()
    }

    /// Whether the token of the run's folder, as this process sees it, is `token`.
    public static func isVisible(token: String, in folder: String) -> Bool {
        read(folder + "/.lease").map { $0.token == token } ?? false
    }

    /// Whether the run was last held by a job of this supervisor.
    public static func isHeld(byLaunch launch: String, in folder: String) -> Bool {
        read(folder + "/.lease").map { $0.isOf(launch: launch) } ?? false
    }

    // ------------------------------------------------------------------ the file

    private struct Contents: Equatable {
        var token: Substring
        var place: Substring
        var launch: Substring
        var beat: Substring
        var isReleased: Bool { beat == "released" }

        func isOf(launch other: String) -> Bool { !other.isEmpty && launch == other }
    }

    private static func text(
        _ token: String, _ place: String, _ launch: String, beat: Int?
    ) -> String {
        // A fixed length: a renewal overwrites it in place.
        let number = beat.map { String($0) } ?? "released"
        return
            "\(token)\n\(place)\n\(launch)\n\(number.padding(toLength: 20, withPad: " ", startingAt: 0))\n"
    }

    private static func read(_ path: String) -> Contents? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let lines = String(decoding: data.prefix(1024), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4 else { return nil }
        let beat = lines[3].prefix { $0 != " " }
        return Contents(token: lines[0], place: lines[1], launch: lines[2], beat: beat)
    }

    /// Writes through the descriptor: into a file that another job has replaced, it reaches nobody.
    private func write(released: Bool = false) {
        let bytes = Array(Self.text(token, place, launch, beat: released ? nil : beat).utf8)
        try? bytes.withBytes { (memory) throws(FileError) in try descriptor.write(memory, at: 0) }
        // Network file systems send it now.
        try? descriptor.synchronize()
    }

    /// - Returns: Whether there is nothing left to renew.
    private func renewAndWait() -> Bool {
        _ = wake.wait(timeout: .now() + Self.renewalSeconds)
        lock.lock()
        let ends = isReleased || isLost
        if !ends {
            beat += 1
            write()
        }
        lock.unlock()
        if ends { return true }
        do { try check() } catch { return true }
        return false
    }

    private static func watch(_ holder: Contents, at path: String) throws(FileError) {
        let began = DispatchTime.now().uptimeNanoseconds
        while Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9 < patienceSeconds {
            usleep(250_000)
            guard let now = read(path), !now.isReleased else { return }
            guard now == holder else { throw .heldElsewhere(String(now.place), at: path) }
        }
    }

    /// Names one start of a machine.
    private static var bootID: String {
        let data = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id")
        return String(decoding: data ?? Data(), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
