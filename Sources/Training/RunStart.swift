import Adapters
import Checkpoints
import Collectives
import Datasets
import Faults
import Files
import Foundation
import Kernels
import MetricsOutlets
import Optimization
import ProgressDelivery
import ProgressReports
import RunSettings
import Slices
import Transformer

/// Everything that is known before the first step, and how a run is put together from it.
struct RunStart {
    let configuration: RunConfiguration
    let settings: [RunDocument.Entry]
    let inputs: RunInputs
    /// The document of the checkpoint that the run continues from.
    let found: RunDocument?
    let changes: [String]
    let backend: Backend
    let cores: Int
    let communicator: any Communicator
    let agreement: Agreement
    let copies: CheckpointCopies

    /// Whether the run has been finished before; rank 0 says so. Writes nothing.
    ///
    /// - Throws: ``ConfigurationError`` if the run is past the wanted end.
    func isFinished(_ folder: RunFolder?) throws -> Bool {
        let totalSteps = inputs.totalSteps(configuration)
        try agreement.phase {
            guard let found, found.step > totalSteps else { return }
            throw ConfigurationError(
                "--steps", "is \(totalSteps), and the run is at step \(found.step) already")
        }
        let record = found?.step == totalSteps ? folder?.finalRecord() : nil
        var flag: [Int64] = [record == nil ? 0 : 1]
        try communicator.allReduceMax(&flag)
        if let record, let folder {
            LaunchStatus()?.tell(.finished(record.adapterSHA256))
            print("finished: step \(record.step), adapter in \(folder.adapterPath); nothing to do")
            try deliverLeftOvers()
        }
        return flag[0] == 1
    }

    /// Reports of a finished run that no collector has acknowledged go to the one that is named now.
    private func deliverLeftOvers() throws {
        let spool = configuration.out + "/spool"
        guard let address = configuration.collector,
            FileManager.default.fileExists(atPath: spool)
        else { return }
        let stream = try CollectorStream(
            address: address, spoolFolder: spool, security: configuration.collectorSecurity)
        stream.finish(timeoutSeconds: ProgressReporter.endSeconds)
        if !FileManager.default.fileExists(atPath: spool) {
            print("collector \(address) has got the reports that waited for it")
        }
    }

    /// Builds what this rank needs and trains to the end.
    func run(_ folder: RunFolder?) throws -> ExitCode {
        let hosts = try communicator.allGather(padding: [UInt8](hostName.utf8))
            .map { String(decoding: $0, as: UTF8.self) }
        let plan = try lanePlan()
        var leaders = [Int64](repeating: 0, count: communicator.size)
        leaders[communicator.rank] = Int64(communicator.hostLeader)
        try communicator.allReduceMax(&leaders)
        let speeds = RankSpeeds(
            lanes: plan.lanesOfRanks, hostLeaders: leaders.map(Int.init),
            workerRank: communicator.rank)
        let pool = try agreement.phase {
            try plan.makePool(
                inputs.model, inputs.layout, inputs.bounds(configuration), backend, training: true,
                recomputes: configuration.recomputes)
        }
        let parameters =
            inputs.startingPoint
            ?? LowRankParameters.initial(layout: inputs.layout, seed: configuration.seed)
        let optimizer = folder.map { _ in inputs.makeOptimizer(configuration, parameters) }
        let recorder = try agreement.phase {
            guard let folder, let optimizer else { return nil as RunRecorder? }
            return try makeRecorder(folder, parameters, optimizer, plan, hosts: hosts)
        }
        var surroundings = StepSurroundings()
        surroundings.injection = try agreement.phase { try FaultInjection() }?
            .ofJob(resumes: found != nil)
        surroundings.isStopRequested = StopSignals.arrived
        surroundings.warn = { step, message in recorder?.warn(step: step, message) }
        surroundings.upkeep = { RunUpkeep(recorder, copies) }
        let limits = WaitLimits(
            communicator: communicator, fixedSeconds: configuration.collectiveTimeoutSeconds)
        let step = TrainingStep(
            communicator: communicator, lanes: pool,
            data: inputs.stepData(configuration), parameters: parameters,
            exponents: found?.exponents, optimizer: optimizer,
            speeds: speeds, limits: limits, surroundings: surroundings)
        let evaluation = inputs.heldOut.map {
            Evaluation(
                communicator: communicator, pool: pool, samples: $0,
                rule: configuration.sliceRule, speeds: speeds, limits: limits)
        }
        let loop = TrainingLoop(
            configuration: configuration, communicator: communicator,
            totalSteps: inputs.totalSteps(configuration), step: step, evaluation: evaluation,
            recorder: recorder, limits: limits, copies: copies)
        do {
            let code = try loop.run(resumedStep: found?.step)
            recorder?.reporter.finish(timeoutSeconds: ProgressReporter.endSeconds)
            return code
        } catch {
            let fault = error as? any Fault
            recorder?.fail(
                exitCode: fault?.exitCode ?? .internalError, fault?.description ?? "\(error)")
            throw error
        }
    }

    private func lanePlan() throws -> LanePlan {
        let (batch, rule) = (configuration.batchSize, configuration.sliceRule)
        let samples = min(batch, inputs.schedule(configuration).visitCount)
        var wanted = [Int64](repeating: 0, count: communicator.size)
        wanted[communicator.rank] = Int64(configuration.threads ?? cores)
        try communicator.allReduceMax(&wanted)
        return LanePlan(
            wanted: wanted.map(Int.init), workerRank: communicator.rank,
            slicesInStep: rule.sliceCount(samples: samples), sliceSize: rule.sliceSize,
            batchSize: batch)
    }

    private func makeRecorder(
        _ folder: RunFolder, _ parameters: LowRankParameters, _ optimizer: AdapterOptimizer,
        _ plan: LanePlan, hosts: [String]
    ) throws -> RunRecorder {
        let totalSteps = inputs.totalSteps(configuration)
        try folder.accept()
        let runID = folder.checkpoint?.loaded.runID ?? Self.newRunID()
        var document =
            found
            ?? RunDocument(
                settings: settings, fingerprints: inputs.fingerprints, kernels: backend.identity,
                step: 0, totalSteps: totalSteps, exponents: [], worldSize: communicator.size,
                changes: [], loss: nil, evaluationLoss: nil, seconds: 0)
        document.epoch = copies.newestEpoch + 1
        // Grows from job to job even where a clock is set back, or another host's is behind.
        let reportEpoch = max(
            UInt64(max(0, unixTimeNanoseconds() / 1_000_000)), (document.reportEpoch ?? 0) &+ 1)
        document.reportEpoch = reportEpoch
        document.formatVersion = RunDocument.currentFormatVersion
        document.settings = settings
        document.fingerprints = inputs.fingerprints
        document.kernels = backend.identity
        document.totalSteps = totalSteps
        document.changes += changes
        let previousWorldSize = document.worldSize
        document.worldSize = communicator.size

        try folder.restore(parameters, optimizer.adam)
        // Without a checkpoint the run starts anew: whatever was recorded is superseded.
        let terminal = TerminalReporter(
            totalSteps: totalSteps, style: configuration.logFormat.style)
        let metrics = try MetricsFile(
            path: folder.metricsPath, resumeAtStep: found?.step, tell: terminal.tell)
        // Never drops: whoever waits for a checkpoint waits for it.
        let metricsSink = try BackgroundSink(
            metrics, capacity: .max, leastFinishSeconds: Self.fileFinishSeconds,
            tell: terminal.tell)
        if found != nil { try folder.reopen() }
        let recorder = RunRecorder(
            folder: folder, runID: runID,
            reporter: try makeReporter(
                terminal, metricsSink, folder.lease, runID: runID, epoch: reportEpoch),
            synchronizeMetrics: {
                metricsSink.flush()
                metrics.synchronize()
            },
            adapter: PEFTAdapter(
                configuration: inputs.adapterConfiguration, parameters: parameters),
            optimizer: optimizer, keep: configuration.keep, document: document,
            makesArchives: copies.isNeeded)
        try folder.writeSettings(settingsAsGiven)
        announce(recorder, plan, hosts: hosts, previousWorldSize: previousWorldSize)
        return recorder
    }

    /// The resolved settings less those that would bind another reading: what `--init-adapter`
    /// decides by itself, and a format that was told from the data.
    private var settingsAsGiven: [RunDocument.Entry] {
        settings.filter { entry in
            switch entry.name {
            case "rank", "alpha", "targets": configuration.initAdapter == nil
            case "format": configuration.format != nil
            default: true
            }
        }
    }

    /// For people.
    private var runName: String { URL(fileURLWithPath: configuration.out).lastPathComponent }

    /// A disk may be slow when the run ends.
    private static let fileFinishSeconds = 60.0
    private static let waitingRecords = 4096

    private func makeReporter(
        _ terminal: TerminalReporter, _ metrics: BackgroundSink, _ lease: RunLease, runID: String,
        epoch: UInt64
    ) throws -> ProgressReporter {
        var sinks: [any ProgressSink] = [
            try BackgroundSink(terminal, capacity: Self.waitingRecords, tell: terminal.tell),
            metrics,
        ]
        if let status = LaunchStatus() {
            sinks.append(
                try BackgroundSink(status, capacity: Self.waitingRecords, tell: terminal.tell))
        }
        let run = OutletRun(
            folder: configuration.out, name: runName, host: hostName, resumedStep: found?.step,
            isHeld: { (try? lease.check()) != nil })
        sinks += try makeOutlets(
            configuration.outlets, run: run,
            environment: ProcessInfo.processInfo.environment, tell: terminal.tell)
        if let address = configuration.collector {
            sinks.append(
                try CollectorStream(
                    address: address, spoolFolder: configuration.out + "/spool",
                    security: configuration.collectorSecurity, tell: terminal.tell))
        }
        return ProgressReporter(runID: runID, epoch: epoch, sinks: sinks)
    }

    private func announce(
        _ recorder: RunRecorder, _ plan: LanePlan, hosts: [String], previousWorldSize: Int
    ) {
        let reporter = recorder.reporter
        reporter.report(
            .runStarted(
                .init(
                    runID: recorder.runID,
                    configuration: SettingValues.yaml(settings.map { ($0.name, $0.value) }),
                    worldSize: communicator.size, lanesPerRank: plan.lanes, hosts: hosts,
                    kernelID: backend.identity.description,
                    totalSteps: recorder.document.totalSteps,
                    trainableParameters: inputs.layout.parameterCount,
                    name: runName)))
        if let checkpoint = recorder.folder.checkpoint {
            for damaged in checkpoint.loaded.setAside {
                recorder.warn(
                    step: checkpoint.document.step,
                    "\(damaged.path) is damaged (\(damaged.reason)) and was set aside")
            }
            if let adopted = recorder.folder.adopted {
                recorder.warn(
                    step: checkpoint.document.step,
                    "goes on from the copy of step \(adopted.archive.step) on \(adopted.host)")
            }
            reporter.report(
                .resumed(
                    .init(
                        step: checkpoint.document.step, path: checkpoint.loaded.path,
                        worldSize: communicator.size, previousWorldSize: previousWorldSize,
                        changes: changes)))
        }
        if let remark = plan.remark { recorder.warn(step: recorder.document.step, remark) }
        for remark in inputs.remarks {
            recorder.warn(step: recorder.document.step, remark)
        }
    }

    /// 128 random bits: names a run among all runs that a collector sees.
    private static func newRunID() -> String {
        randomHexadecimal() + randomHexadecimal()
    }
}
