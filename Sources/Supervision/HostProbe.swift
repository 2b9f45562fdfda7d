import Foundation

/// Asks hosts whether commands can be run on them.
struct HostProbe {
    let remoteStart: RemoteStart

    private static let patienceSeconds = 6.0

    /// - Returns: Those that answered; all are asked at once.
    func answering(_ hosts: [Hostfile.Host]) -> Set<String> {
        var waiting: [(name: String, process: JobProcess)] = []
        var answered: Set<String> = []
        for host in hosts {
            let command = remoteStart.command(["true"], on: host.name)
            if let process = try? JobProcess(command, onLine: { _ in }) {
                waiting.append((host.name, process))
            }
        }
        let deadline = DispatchTime.now().uptimeNanoseconds + UInt64(Self.patienceSeconds * 1e9)
        while !waiting.isEmpty, DispatchTime.now().uptimeNanoseconds < deadline {
            for (name, process) in waiting where process.exitCode() == 0 { answered.insert(name) }
            waiting.removeAll { $0.process.exitCode() != nil }
            usleep(20_000)
        }
        for (_, process) in waiting { process.end(graceSeconds: 0) }
        return answered
    }
}
