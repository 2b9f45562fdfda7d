import Faults
import Files
import Foundation
import ProgressReports
import Synchronization

/// A program in a process group of its own that dies with this process.
final class JobProcess {
    let processID: pid_t
    private var status: Int32?
    private let output: MessageReader?

    /// - Parameters:
    ///   - command: The program, found in PATH, and its arguments.
    ///   - onLine: Called with each line of its standard error, which is passed on; `nil` leaves
    ///     the program its parent's, terminal and all.
    /// - Throws: ``SupervisionError`` if it cannot be started.
    init(
        _ command: [String], onLine: (@Sendable (String) -> Void)? = nil
    ) throws(SupervisionError) {
        // The system ends the program with the thread that started it, which is the main thread.
        let command = ["setpriv", "--pdeathsig", "KILL"] + command
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var usual = sigset_t()
        sigemptyset(&usual)
        sigaddset(&usual, SIGPIPE)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // In a group of its own it must not read from the terminal.
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        var ends: [Int32] = [-1, -1]
        if onLine != nil {
            guard pipe(&ends) == 0 else {
                throw SupervisionError(
                    "pipe", String(cString: strerror(errno)), exitCode: .tryAgain)
            }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        }
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var started: pid_t = 0
        let error = posix_spawnp(&started, command[0], &actions, &attributes, &arguments, environ)
        if ends[1] >= 0 { close(ends[1]) }
        guard error == 0 else {
            if ends[0] >= 0 { close(ends[0]) }
            throw SupervisionError(
                command[0], "cannot be started (\(String(cString: strerror(error))))",
                hint: "Install util-linux and openmpi-bin")
        }
        processID = started
        output = onLine.map { MessageReader(descriptor: ends[0], onLine: $0) }
    }

    /// Looks whether the program has ended.
    ///
    /// - Returns: Its exit code, 128 + the signal that killed it, or `nil` while it runs.
    func exitCode() -> Int32? {
        if status == nil {
            var raw: Int32 = 0
            guard waitpid(processID, &raw, WNOHANG) == processID else { return nil }
            let signal = raw & 0x7F
            status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
            output?.finish()
        }
        return status
    }

    /// Sends a signal to the program alone; mpirun passes SIGUSR1 on to every rank.
    func signal(_ number: Int32) {
        if exitCode() == nil { kill(processID, number) }
    }

    /// Ends the program and what it started here: SIGTERM, and SIGKILL after a while.
    func end(graceSeconds: Double) {
        signal(SIGTERM)
        let deadline = DispatchTime.now().uptimeNanoseconds + UInt64(graceSeconds * 1e9)
        while exitCode() == nil, DispatchTime.now().uptimeNanoseconds < deadline { usleep(20_000) }
        kill(-processID, SIGKILL)
        while exitCode() == nil { usleep(20_000) }
    }
}

/// Passes lines on to standard error and shows them to somebody on the way.
private final class MessageReader: Sendable {
    private let done = DispatchSemaphore(value: 0)

    init(descriptor: Int32, onLine: @escaping @Sendable (String) -> Void) {
        let thread = Thread { [done] in
            var line: [UInt8] = []
            var passedOn = 0
            let prefix = Array(LaunchStatus.prefix.utf8)
            var buffer = [UInt8](repeating: 0, count: 4096)
            let input = Descriptor(owning: descriptor, path: "a job's messages")
            while let count = buffer.withUnsafeMutableBytes({ try? input.read(into: $0) }),
                count > 0
            {
                var rest: [UInt8] = []
                for byte in buffer[..<count] {
                    line.append(byte)
                    // What is meant for the supervisor is not passed on; a line that still may be waits.
                    let isOurs = line.starts(with: prefix.prefix(line.count))
                    if !isOurs {
                        rest += line[passedOn...]
                        passedOn = line.count
                    }
                    // A carriage return too: behind one, a line of ours may follow a live view.
                    if byte == 10 || byte == 13 || line.count == 4096 {
                        onLine(String(decoding: line.dropLast(), as: UTF8.self))
                        (line, passedOn) = ([], 0)
                    }
                }
                FileHandle.standardError.write(Data(rest))
            }
            done.signal()
        }
        thread.start()
    }

    /// Waits for the last lines; a process that outlives the program may keep the pipe open.
    func finish() { _ = done.wait(timeout: .now() + 1) }
}
