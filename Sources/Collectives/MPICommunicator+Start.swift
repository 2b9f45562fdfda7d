import Foundation

extension MPICommunicator {
    /// Connects this process with the others of its launch.
    ///
    /// - Throws: ``CommunicationError`` with exit code 78 if the launcher says that it started several
    ///   and MPI does not find them: each would do the whole work by itself, into the same files.
    public static func connected() throws(CommunicationError) -> MPICommunicator {
        let environment = ProcessInfo.processInfo.environment
        guard let claim = LauncherClaim(environment: environment) else {
            return try MPICommunicator()
        }
        if DirectStart(environment: environment).isWithoutWay, !speaksSlurmsPMI {
            throw claim.fault
        }
        let communicator = try MPICommunicator()
        guard communicator.size == 1 else { return communicator }
        communicator.finalize()
        throw claim.fault
    }

    /// Lets a single task of srun's be a world of one, where `MPI_Init` would end it.
    static func standAloneInStep() {
        let environment = ProcessInfo.processInfo.environment
        guard LauncherClaim(environment: environment) == nil,
            DirectStart(environment: environment).isWithoutWay
        else { return }
        unsetenv(DirectStart.sign)
    }

    /// Whether this Open MPI was built with a way to Slurm's PMI-1 or PMI-2; Debian's is not.
    private static var speaksSlurmsPMI: Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ompi_info", "--parsable"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        // Who cannot tell leaves it to MPI_Init.
        guard (try? process.run()) != nil else { return true }
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return true }
        return ["mca:pmix:s1:", "mca:pmix:s2:", "mca:pmix:cray:"].contains(where: text.contains)
    }
}
