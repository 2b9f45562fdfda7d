import Foundation
import Kernels
import ModelFiles
import Slices
import Training
import Transformer

/// How a run would scale over ranks that cannot be had here: measured slices, modelled network.
///
/// Measured: the speed of the lanes, with which the run's real slices are weighed, and the update.
/// Modelled: all-reduce and broadcast. Every rank is taken to have cores of its own.
public struct ScalingPlan: Sendable, Equatable {
    public struct Point: Sendable, Equatable {
        public let ranks: Int
        public let computeSeconds: Double
        /// All-reduce, update, broadcast.
        public let reduceSeconds: Double
        public let updateSeconds: Double
        public let broadcastSeconds: Double
        /// Speed over that of one rank, divided by the ranks.
        public let efficiency: Double

        public var stepSeconds: Double {
            computeSeconds + reduceSeconds + updateSeconds + broadcastSeconds
        }
    }

    public let batchSize: Int
    public let slicesInStep: Int
    public let lanes: Int
    public let reducedBytes: Int
    public let broadcastBytes: Int
    public let network: NetworkModel
    public let calibration: Calibration
    /// The batch is the same for any number of ranks.
    public let strong: [Point]
    /// Every rank has a batch of its own.
    public let weak: [Point]

    /// - Parameters:
    ///   - settings: Settings of the run by their flags' names.
    ///   - configurationFile: `run.yaml`, or `nil`.
    ///   - ranks: Rising numbers of ranks.
    ///   - network: The modelled network.
    ///   - calibrationSeconds: How long to compute; above 0.
    /// - Throws: A ``Fault`` naming the flag or file.
    public init(
        settings: [String: String], configurationFile: String?, ranks: [Int],
        network: NetworkModel, calibrationSeconds: Double,
        progress: (_ what: String, _ done: Int, _ total: Int) -> Void
    ) throws {
        let run = try RunRehearsal(
            settings: settings, configurationFile: configurationFile, startsMPI: false)
        let here = ProcessInfo.processInfo.activeProcessorCount
        let lanes = run.lanes(ranks: 1, cores: here).count
        let costs = try SliceCosts(run)
        let calibration = try Calibration(
            run, costs, lanes: min(here, lanes), seconds: calibrationSeconds
        ) { progress("computing slices", $0, $1) }
        let (reduced, broadcast) = (8 * run.layout.parameterCount, 4 * run.layout.parameterCount)
        func computeSeconds(_ ranks: Int) -> Double {
            StepTime(
                run, costs, calibration, ranks: ranks, lanes: lanes, coresForEachLane: 1
            ).computeSeconds
        }
        let alone = computeSeconds(1)
        func point(_ ranks: Int, computeSeconds: Double, work: Double) -> Point {
            let reduce = network.allReduceSeconds(bytes: reduced, ranks: ranks)
            let spread = network.broadcastSeconds(bytes: broadcast, ranks: ranks)
            let update = calibration.updateSeconds
            let step = computeSeconds + reduce + update + spread
            return Point(
                ranks: ranks, computeSeconds: computeSeconds, reduceSeconds: reduce,
                updateSeconds: update, broadcastSeconds: spread,
                efficiency: work * (alone + update) / (Double(ranks) * step))
        }
        strong = ranks.map { point($0, computeSeconds: computeSeconds($0), work: 1) }
        weak = ranks.map { point($0, computeSeconds: alone, work: Double($0)) }
        batchSize = run.batchSize
        slicesInStep = run.slices(step: 1).count
        self.lanes = lanes
        reducedBytes = reduced
        broadcastBytes = broadcast
        self.network = network
        self.calibration = calibration
    }
}
