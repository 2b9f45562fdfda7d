/// One thing that happened in a run: a line of `metrics.jsonl`, a frame to the collector.
///
/// `proto/progress.proto` has the same messages and fields.
public enum ProgressRecord: Sendable, Equatable {
    case runStarted(RunStarted)
    case step(Step)
    case evaluation(Evaluation)
    case checkpoint(Checkpoint)
    case resumed(Resumed)
    case warning(Warning)
    case finished(Finished)
    case failed(Failed)
    /// In place of records that the sender had no room for.
    case gap(Gap)

    public struct RunStarted: Sendable, Equatable {
        public var runID: String
        /// The resolved configuration, as YAML.
        public var configuration: String
        public var worldSize: Int
        public var lanesPerRank: Int
        /// Host of each rank.
        public var hosts: [String]
        public var kernelID: String
        public var totalSteps: Int
        public var trainableParameters: Int
        /// For people: the last part of the run's folder.
        public var name: String

        public init(
            runID: String, configuration: String, worldSize: Int, lanesPerRank: Int,
            hosts: [String], kernelID: String, totalSteps: Int, trainableParameters: Int,
            name: String = ""
        ) {
            self.runID = runID
            self.configuration = configuration
            self.worldSize = worldSize
            self.lanesPerRank = lanesPerRank
            self.hosts = hosts
            self.kernelID = kernelID
            self.totalSteps = totalSteps
            self.trainableParameters = trainableParameters
            self.name = name
        }
    }

    public struct Step: Sendable, Equatable {
        /// 1 for the first update.
        public var step: Int
        /// 0 for the first pass over the data.
        public var epoch: Int
        /// Mean negative log-likelihood a target token, nats.
        public var loss: Double
        public var targetTokens: Int
        /// Non-padding tokens of the batch.
        public var tokens: Int
        public var tokensPerSecond: Double
        public var learningRate: Double
        /// Global norm before clipping.
        public var gradientNorm: Double
        public var computeSeconds: Double
        public var reduceSeconds: Double
        public var updateSeconds: Double
        /// What only newer senders tell.
        public var details = Details()

        public init(
            step: Int, epoch: Int, loss: Double, targetTokens: Int, tokens: Int,
            tokensPerSecond: Double, learningRate: Double, gradientNorm: Double,
            computeSeconds: Double, reduceSeconds: Double, updateSeconds: Double,
            details: Details = Details()
        ) {
            self.step = step
            self.epoch = epoch
            self.loss = loss
            self.targetTokens = targetTokens
            self.tokens = tokens
            self.tokensPerSecond = tokensPerSecond
            self.learningRate = learningRate
            self.gradientNorm = gradientNorm
            self.computeSeconds = computeSeconds
            self.reduceSeconds = reduceSeconds
            self.updateSeconds = updateSeconds
            self.details = details
        }

        /// Measurements beyond the first version's; `nil` and empty where unknown.
        public struct Details: Sendable, Equatable {
            /// From its first slice to the end of its update.
            public var stepSeconds: Double?
            public var targetTokensPerSecond: Double?
            /// Rows that went through the model: fewer than tokens where samples share prefixes.
            public var computedTokens: Int?
            public var computedTokensPerSecond: Double?
            /// What the gradient was multiplied by; 1 where its norm was within the limit.
            public var clipFactor: Double?
            /// Part of this job's steps whose gradient was clipped.
            public var clipShare: Double?
            /// What a rank handed to the reduction.
            public var reducedBytes: Int?
            /// Estimated from the last steps.
            public var secondsLeft: Double?
            /// By rank: from the start of the step to its last slice, 0 without one. The longest is the
            /// straggler's.
            public var rankComputeSeconds: [Double] = []
            /// By rank: the most memory that was resident, mapped weights included.
            public var rankPeakMemoryBytes: [Int] = []

            public init() {}
        }

        /// The rank that the others waited for, and how much longer than the mean of those with work it
        /// computed (0.1: a tenth); `nil` with fewer than two of them.
        public var straggler: (workerRank: Int, excess: Double)? {
            let seconds = details.rankComputeSeconds
            let working = seconds.filter { $0 > 0 }
            guard working.count > 1, let longest = working.max(),
                let workerRank = seconds.firstIndex(of: longest)
            else { return nil }
            let mean = working.reduce(0, +) / Double(working.count)
            return mean > 0 ? (workerRank, longest / mean - 1) : nil
        }
    }

    public struct Evaluation: Sendable, Equatable {
        public var step: Int
        /// Mean over the target tokens of the held-out set, nats.
        public var loss: Double
        public var targetTokens: Int
        public var samples: Int
        public var seconds: Double

        public init(step: Int, loss: Double, targetTokens: Int, samples: Int, seconds: Double) {
            self.step = step
            self.loss = loss
            self.targetTokens = targetTokens
            self.samples = samples
            self.seconds = seconds
        }
    }

    /// Sent only once the checkpoint would survive a power cut.
    public struct Checkpoint: Sendable, Equatable {
        public var step: Int
        public var path: String
        public var bytes: Int
        public var seconds: Double
        /// SHA-256 of the manifest, hexadecimal.
        public var manifestSHA256: String
        /// Seconds that training waited while the state was copied.
        public var handOverSeconds: Double
        /// Processor time of the thread that wrote it.
        public var processorSeconds: Double

        public init(
            step: Int, path: String, bytes: Int, seconds: Double, manifestSHA256: String,
            handOverSeconds: Double = 0, processorSeconds: Double = 0
        ) {
            self.handOverSeconds = handOverSeconds
            self.processorSeconds = processorSeconds
            self.step = step
            self.path = path
            self.bytes = bytes
            self.seconds = seconds
            self.manifestSHA256 = manifestSHA256
        }
    }

    public struct Resumed: Sendable, Equatable {
        /// The step of the checkpoint; training goes on with the next.
        public var step: Int
        public var path: String
        public var worldSize: Int
        /// World size of the job that wrote the checkpoint.
        public var previousWorldSize: Int
        /// Settings that `--allow-change` let differ, as "name: old -> new".
        public var changes: [String]

        public init(
            step: Int, path: String, worldSize: Int, previousWorldSize: Int, changes: [String]
        ) {
            self.step = step
            self.path = path
            self.worldSize = worldSize
            self.previousWorldSize = previousWorldSize
            self.changes = changes
        }
    }

    public struct Warning: Sendable, Equatable {
        public var step: Int
        public var message: String

        public init(step: Int, message: String) {
            self.step = step
            self.message = message
        }
    }

    public struct Finished: Sendable, Equatable {
        public var step: Int
        public var loss: Double
        /// NaN where there was no held-out set.
        public var evaluationLoss: Double
        public var seconds: Double
        public var adapterPath: String
        public var adapterSHA256: String
        /// The longest that the training loop of this job spent on handing over a report.
        public var longestHandOverSeconds: Double?

        public init(
            step: Int, loss: Double, evaluationLoss: Double, seconds: Double, adapterPath: String,
            adapterSHA256: String, longestHandOverSeconds: Double? = nil
        ) {
            self.longestHandOverSeconds = longestHandOverSeconds
            self.step = step
            self.loss = loss
            self.evaluationLoss = evaluationLoss
            self.seconds = seconds
            self.adapterPath = adapterPath
            self.adapterSHA256 = adapterSHA256
        }
    }

    public struct Failed: Sendable, Equatable {
        public var step: Int
        public var exitCode: Int
        public var message: String

        public init(step: Int, exitCode: Int, message: String) {
            self.step = step
            self.exitCode = exitCode
            self.message = message
        }
    }

    /// Takes the place of the records from ``firstSequence`` to the envelope's own sequence.
    public struct Gap: Sendable, Equatable {
        public var firstSequence: UInt64

        public init(firstSequence: UInt64) {
            self.firstSequence = firstSequence
        }
    }
}
