import Foundation
import Kernels
import ModelFiles
import Slices
import Training
import Transformer

/// What a run will take, found out before it.
public struct RunPlan: Sendable, Equatable {
    public let ranks: Int
    /// Ranks that share a node and its memory.
    public let ranksOnNode: Int
    /// Lanes of each rank.
    public let lanes: Int
    /// What a person should know about lanes and data.
    public let remarks: [String]
    public let memory: MemoryPlan
    public let modelParameters: Int
    public let trainableParameters: Int
    /// Bytes that the all-reduce of a step sums, and that its broadcast carries.
    public let reducedBytes: Int
    public let broadcastBytes: Int
    /// Size of `adapter_model.safetensors`.
    public let adapterBytes: Int
    /// Size of a checkpoint's tensors: the adapter and both moments.
    public let checkpointBytes: Int
    public let steps: Int
    /// Steps whose slices were looked at.
    public let stepsSeen: Int
    /// Means over these steps.
    public let tokensPerStep: Double
    public let computedTokensPerStep: Double
    public let targetTokensPerStep: Double
    public let kernels: String
    public let calibration: Calibration?
    public let stepTime: StepTime?

    /// What to plan for, beside the run's settings.
    public struct Question: Sendable {
        public var ranks = 1
        /// `nil`: all of them.
        public var ranksOnNode: Int?
        /// Cores of a node; `nil` for those of this machine.
        public var cores: Int?
        /// 0 to leave the time of a step out.
        public var calibrationSeconds = 4.0

        public init() {}
    }

    /// Reads what a rank reads, computes some slices of the run, and adds up.
    ///
    /// - Parameter progress: Called with what is being done, how much is done and how much there is.
    /// - Throws: A ``Fault`` naming the flag or file.
    public init(
        settings: [String: String], configurationFile: String?, _ question: Question,
        progress: (_ what: String, _ done: Int, _ total: Int) -> Void
    ) throws {
        let (run, loadingBytes) = try PeakMemory.anonymous {
            try RunRehearsal(
                settings: settings, configurationFile: configurationFile, startsMPI: true)
        }
        defer { run.finish() }
        ranks = question.ranks
        let onNode = min(question.ranksOnNode ?? ranks, ranks)
        ranksOnNode = onNode
        let cores = question.cores ?? ProcessInfo.processInfo.activeProcessorCount
        let lanes = run.lanes(ranks: ranks, cores: max(1, cores / onNode))
        self.lanes = lanes.count
        remarks = [lanes.remark].compactMap { $0 } + run.remarks
        progress("computing a slice", 0, 1)
        let measurement = try MemoryMeasurement(run, loadingBytes: loadingBytes)
        let census = SliceCensus(run, ranks: ranks, lanes: lanes.count) {
            progress("looking at the run's slices", $0, $1)
        }
        memory = try measurement.plan(census, ranksOnNode: onNode, ranks: ranks)
        modelParameters = measurement.model.parameterCount
        trainableParameters = run.layout.parameterCount
        reducedBytes = trainableParameters * MemoryLayout<Int64>.stride
        broadcastBytes = trainableParameters * MemoryLayout<Float>.stride
        let files = try run.checkpointFiles()
        adapterBytes = files[0].count
        checkpointBytes = files.reduce(0) { $0 + $1.count }
        steps = run.totalSteps
        stepsSeen = census.steps
        let seen = Double(max(1, census.steps))
        tokensPerStep = Double(census.tokens) / seen
        computedTokensPerStep = Double(census.computedTokens) / seen
        targetTokensPerStep = Double(census.targetTokens) / seen
        kernels = run.backend.identity.description
        guard question.calibrationSeconds > 0 else {
            (calibration, stepTime) = (nil, nil)
            return
        }
        let here = ProcessInfo.processInfo.activeProcessorCount
        let costs = try SliceCosts(run)
        let calibration = try Calibration(
            run, costs, lanes: min(here, lanes.count * onNode),
            seconds: question.calibrationSeconds
        ) { progress("computing slices", $0, $1) }
        self.calibration = calibration
        stepTime = StepTime(
            run, costs, calibration, ranks: ranks, lanes: lanes.count,
            coresForEachLane: Double(cores)
                / Double(min(lanes.count * onNode, run.slices(step: 1).count)))
    }
}
