import Collectives
public import Faults
import Files
import Foundation
import Kernels
import RunSettings
import Transformer

/// A whole `lora-worker` process: from the command line's settings to the exit code.
public enum TrainingJob {
    /// Runs this rank's part of the job.
    ///
    /// ``StopSignals/hold()`` must have been called before.
    ///
    /// - Parameters:
    ///   - flags: Settings given on the command line; they win over the file.
    ///   - configurationFile: `run.yaml`, or `nil`.
    public static func run(flags: [String: String], configurationFile: String?) -> ExitCode {
        let communicator: MPICommunicator
        do {
            communicator = try MPICommunicator.connected()
        } catch {
            printError(error.description)
            return error.exitCode
        }
        do {
            let code = try run(flags, configurationFile, communicator)
            communicator.finalize()
            return code
        } catch let error as CommunicationError {
            // The peers no longer answer: no collective can be waited for.
            printError(error.description)
            communicator.abort(exitCode: error.exitCode.rawValue)
            return error.exitCode
        } catch {
            // All ranks are here, with the same fault.
            let fault = error as? any Fault
            if communicator.isCoordinator { printError(fault?.description ?? "\(error)") }
            communicator.finalize()
            return fault?.exitCode ?? .internalError
        }
    }

    private static func run(
        _ flags: [String: String], _ configurationFile: String?, _ communicator: MPICommunicator
    ) throws -> ExitCode {
        let agreement = Agreement(communicator: communicator)
        let cores = ProcessorCores.widen(
            localRank: communicator.localRank, localSize: communicator.localSize)
        let configuration = try agreement.phase {
            try RunConfiguration(SettingValues(flags: flags, file: configurationFile))
        }
        let folder = try agreement.phase {
            communicator.isCoordinator
                ? try RunFolder(path: configuration.out, ranks: communicator.size) : nil
        }
        defer { folder?.release() }
        let copies = try CheckpointCopies(
            communicator: communicator, agreement: agreement, configuration: configuration,
            folder: folder)
        try agreement.phase { try folder?.check(configuration.resume) }
        let found = try share(folder?.checkpoint?.document, communicator, agreement)
        let backend = try KernelAgreement(communicator: communicator, agreement: agreement)
            .open(
                flag: configuration.kernels, compute: configuration.compute,
                recorded: found?.kernels,
                mayChange: configuration.allowedChanges.contains("kernels"))
        let inputs = try agreement.phase { try RunInputs(configuration, continuing: found) }
        let settings = inputs.resolvedSettings(configuration)
        let program = try agreement.phase {
            try SHA256.digest(ofFile: "/proc/self/exe").hexadecimal
        }
        try agreement.require(
            same: [("the program", program)]
                + inputs.fingerprints.map {
                    ($0.name == SettingTable.samplesName ? "the samples" : "--\($0.name)", $0.value)
                }
                + settings.filter { Self.mustBeEqual($0.name) }.map {
                    ("--\($0.name)", $0.value)
                },
            advice: "Every host needs the same files, by content, and the same program")
        let changes = try agreement.phase {
            try found.map {
                try allowedChanges(
                    from: $0, settings, inputs, backend.identity, configuration)
            } ?? []
        }
        let start = RunStart(
            configuration: configuration, settings: settings, inputs: inputs, found: found,
            changes: changes, backend: backend, cores: cores, communicator: communicator,
            agreement: agreement, copies: copies)
        if try start.isFinished(folder) { return .success }
        return try start.run(folder)
    }

    private static func mustBeEqual(_ name: String) -> Bool {
        SettingTable.named(name).map { [.run, .job].contains($0.scope) } ?? false
    }

    /// Rank 0's document on every rank.
    private static func share(
        _ document: RunDocument?, _ communicator: MPICommunicator, _ agreement: Agreement
    ) throws -> RunDocument? {
        let text = try agreement.phase { try document?.encoded() ?? "" }
        let shared = String(
            decoding: try communicator.broadcast(bytes: [UInt8](text.utf8)), as: UTF8.self)
        return try agreement.phase {
            shared.isEmpty ? nil : try RunDocument.decode(shared, path: "checkpoint")
        }
    }

    /// - Throws: ``ConfigurationError`` naming every setting that differs and was not allowed to.
    private static func allowedChanges(
        from document: RunDocument, _ settings: [RunDocument.Entry], _ inputs: RunInputs,
        _ kernels: KernelIdentity, _ configuration: RunConfiguration
    ) throws -> [String] {
        let differences = document.differences(
            settings: settings, fingerprints: inputs.fingerprints, kernels: kernels,
            readsDataAnew: inputs.readsDataAnew)
        let refused = differences.filter { !configuration.allowedChanges.contains($0.name) }
        guard refused.isEmpty else {
            let names = refused.map { "--allow-change \($0.name)" }.joined(separator: " ")
            throw ConfigurationError(
                configuration.out,
                "holds a run with other settings (" + refused.map(\.text).joined(separator: "; ")
                    + ")",
                hint: "Give another --out for a new run, or \(names) to continue it changed")
        }
        return differences.map(\.text)
    }

    private static func printError(_ text: String) {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        FileHandle.standardError.write(Data("error: \(line)\n".utf8))
    }
}
