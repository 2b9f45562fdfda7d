import Adapters
public import Collectives
import Datasets
import Foundation
public import Kernels
public import ModelFiles
import Optimization
import RunSettings
public import Slices
import Tensors
public import Transformer

/// One rank of a run, put together in this process alone: what `lora plan` and `lora bench` measure.
///
/// The same files, slices, lanes and sums as in ``TrainingJob``; nothing is written.
public final class RunRehearsal {
    let configuration: RunConfiguration
    let inputs: RunInputs
    public let backend: Backend
    private let communicator: MPICommunicator?
    private var loaded: LanguageModel<Backend>?

    /// Reads and checks everything that a rank reads.
    ///
    /// - Parameters:
    ///   - settings: Settings of the run by their flags' names; `out` is not needed.
    ///   - configurationFile: `run.yaml`, or `nil`; `settings` win.
    ///   - startsMPI: Whether to start MPI too, once in a process, so that its memory is a rank's.
    /// - Throws: A ``Fault`` naming the flag, or the file and line.
    public init(
        settings: [String: String], configurationFile: String?, startsMPI: Bool
    ) throws {
        communicator = startsMPI ? try MPICommunicator() : nil
        do {
            configuration = try RunConfiguration(
                SettingValues(flags: settings, file: configurationFile), out: "rehearsal")
            backend = try Backend(
                level: KernelLevel(flag: configuration.kernels),
                compute: configuration.compute)
            inputs = try RunInputs(configuration, continuing: nil)
        } catch {
            communicator?.finalize()
            throw error
        }
    }

    /// Leaves MPI; to be called once, at the end.
    public func finish() { communicator?.finalize() }

    public var model: BaseModel { inputs.model }
    public var layout: LowRankLayout { inputs.layout }
    public var totalSteps: Int { inputs.totalSteps(configuration) }
    public var batchSize: Int { configuration.batchSize }
    /// Visits of samples in an epoch.
    public var visitCount: Int { inputs.schedule(configuration).visitCount }
    /// Whether layers are computed once more in the backward pass.
    public var recomputes: Bool { configuration.recomputes }
    /// What a person should know about the data.
    public var remarks: [String] { inputs.remarks }

    /// Lanes of each of `ranks` ranks that have `cores` cores each, and what to know about them.
    public func lanes(ranks: Int, cores: Int) -> (count: Int, remark: String?) {
        let rule = configuration.sliceRule
        let samples = min(configuration.batchSize, visitCount)
        let plan = LanePlan(
            wanted: [Int](repeating: configuration.threads ?? cores, count: ranks), workerRank: 0,
            slicesInStep: rule.sliceCount(samples: samples), sliceSize: rule.sliceSize,
            batchSize: configuration.batchSize)
        return (plan.lanes, plan.remark)
    }

    /// Samples in a slice, at most.
    public var sliceSize: Int { configuration.sliceRule.sliceSize }

    /// The slices of a step, as every rank cuts them.
    ///
    /// - Parameter batchSize: Samples in the step; `nil`: as in the run.
    public func slices(step: Int, batchSize: Int? = nil) -> [SliceRule.Part] {
        inputs.stepData(configuration, batchSize: batchSize).slices(ofStep: step)
    }

    /// One of them with its rows.
    public func packed(_ part: SliceRule.Part) -> PackedSlice {
        var slice = PackedSlice()
        slice.pack(inputs.training.samples, part, configuration.sliceRule)
        return slice
    }

    /// What each of `ranks` ranks of `lanes` lanes computes of a step.
    public func assigned(
        _ slices: [SliceRule.Part], ranks: Int, lanes: Int
    ) -> [[SliceRule.Part]] {
        assignSlices(slices, lanes: [Int](repeating: lanes, count: ranks))
    }

    /// The slices of the held-out data that each of `ranks` ranks of `lanes` lanes evaluates.
    public func evaluationSlices(ranks: Int, lanes: Int) -> [[PackedSlice]] {
        guard let samples = inputs.heldOut else { return [] }
        let rule = configuration.sliceRule
        let slices = rule.cut(Array(0..<samples.count)[...], of: samples)
        return assigned(slices, ranks: ranks, lanes: lanes).map { parts in
            parts.map { part in
                var slice = PackedSlice()
                slice.pack(samples, part, rule)
                return slice
            }
        }
    }

    /// Tokens of the longest sequence of the run.
    public var longestSequence: Int { inputs.bounds(configuration).longestSegment }

    /// Reads the embedding of every token that the run embeds, so that its pages are in memory.
    public func embedAllTokens() throws {
        let shape = model.configuration
        let table = try model.embedding()
        let row = Matrix(FloatBuffer(count: shape.width), rows: 1, columns: shape.width)
        for token in inputs.usedTokens {
            withUnsafePointer(to: token) { token in
                backend.embed(UnsafeBufferPointer(start: token, count: 1), table, into: row)
            }
        }
    }

    /// The adapter's bytes in a checkpoint: A and B, then both moments; all alive at once, as when
    /// rank 0 saves.
    public func checkpointFiles() throws -> [[UInt8]] {
        let parameters = LowRankParameters.initial(layout: layout, seed: configuration.seed)
        return try (0..<3).map { _ in try layout.parameterSet.safetensors(parameters.buffer) }
    }

    /// The base model, for sequences as long as the run's; read once.
    public func languageModel() throws -> LanguageModel<Backend> {
        if let loaded { return loaded }
        let model = try LanguageModel(
            files: inputs.model, backend: backend, positions: longestSequence)
        loaded = model
        return model
    }

    /// The adapter that the run begins with, in memory of its own.
    public func makeParameters() -> LowRankParameters {
        guard let start = inputs.startingPoint else {
            return .initial(layout: inputs.layout, seed: configuration.seed)
        }
        return LowRankParameters(
            layout: inputs.layout, buffer: FloatBuffer(copying: Array(start.buffer.elements)))
    }

    /// Memory for slices within `bounds`, as a lane of the run has it.
    public func makeLane(_ bounds: SliceBounds) throws -> any SliceLane {
        Lane(
            model: try languageModel(), layout: layout, bounds: bounds, training: true,
            recomputes: recomputes)
    }

    /// Losses and gradient of one slice.
    public func compute(
        _ part: SliceRule.Part, _ parameters: LowRankParameters, on lane: any SliceLane
    ) -> ArraySlice<Double> {
        lane.pack(inputs.training.samples, part, configuration.sliceRule)
        return lane.lossesAndGradient(parameters)
    }

    /// What rank 0 has beside the others: the averaged gradient, the moments, and a copy of its
    /// state that is being saved.
    public func makeCoordinatorState() -> AnyObject {
        final class State {
            let optimizer: AdapterOptimizer
            let snapshot: CheckpointWriter.Snapshot

            init(_ optimizer: AdapterOptimizer, parameterCount: Int) {
                self.optimizer = optimizer
                snapshot = CheckpointWriter.Snapshot(parameterCount: parameterCount)
            }
        }
        return State(
            inputs.makeOptimizer(configuration, makeParameters()),
            parameterCount: layout.parameterCount)
    }

    /// The step of the run, from its first adapter on.
    ///
    /// - Parameters:
    ///   - lanes: Of each rank.
    ///   - bounds: No slice is larger; `nil`: as the run's files have them.
    ///   - batchSize: Samples in a step; `nil`: as in the run.
    ///   - communicator: Of this rank.
    ///   - hostLeaders: Of each rank, the lowest rank of its host; `nil`: all are on one.
    ///   - makeLane: Makes a lane with memory for any slice; `nil`: as a lane of the run is made.
    public func makeStep(
        lanes: Int, bounds: SliceBounds? = nil, batchSize: Int? = nil,
        communicator: any Communicator = InProcessCommunicator.world(size: 1)[0],
        hostLeaders: [Int]? = nil, surroundings: StepSurroundings = StepSurroundings(),
        makeLane: ((SliceBounds) throws -> any SliceLane)? = nil
    ) throws -> TrainingStep {
        let bounds = bounds ?? inputs.bounds(configuration)
        let parameters = makeParameters()
        let ranks = communicator.size
        return TrainingStep(
            communicator: communicator,
            lanes: LanePool(
                lanes: try (0..<lanes).map { _ in
                    try makeLane?(bounds) ?? self.makeLane(bounds)
                }),
            data: inputs.stepData(configuration, batchSize: batchSize), parameters: parameters,
            exponents: nil,
            optimizer: communicator.isCoordinator
                ? inputs.makeOptimizer(configuration, parameters) : nil,
            speeds: RankSpeeds(
                lanes: [Int](repeating: lanes, count: ranks),
                hostLeaders: hostLeaders ?? [Int](repeating: 0, count: ranks),
                workerRank: communicator.rank),
            limits: nil, surroundings: surroundings)
    }
}
