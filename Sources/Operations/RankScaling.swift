import Foundation
import RunSettings
import Slices
import Training

/// Speed and memory of real jobs with several numbers of ranks.
public struct RankScaling: Sendable {
    public struct Row: Sendable, Equatable {
        public let ranks: Int
        /// Samples of a step.
        public let batchSize: Int
        /// Non-padding tokens a second, the median over steps.
        public let tokensPerSecond: Double
        public let computedTokensPerSecond: Double
        public let targetTokensPerSecond: Double
        /// Medians over steps, on rank 0.
        public let computeSeconds: Double
        public let reduceSeconds: Double
        public let updateSeconds: Double
        /// Peaks, all ranks together and the largest rank.
        public let proportionalBytes: Int
        public let largestResidentBytes: Int
        /// Speed over that of the first row, divided by the ratio of ranks: 1 is perfect.
        public let efficiency: Double
    }

    /// The same batch for any number of ranks.
    public private(set) var strong: [Row] = []
    /// As many samples for each rank.
    public private(set) var weak: [Row] = []

    /// Steps at the start that are not counted: the exponents of the exact sum settle, memory is
    /// touched.
    public static let warmUpSteps = 2

    /// Runs the jobs one after the other.
    ///
    /// - Parameters:
    ///   - program: Path of `lora-worker`.
    ///   - settings: Settings of the run by their flags' names, `threads` among them.
    ///   - ranks: Rising numbers.
    ///   - batchSize: Samples of a step of the strong rows, and of the first weak one.
    ///   - steps: Counted steps of each job.
    /// - Throws: ``OperationsError`` with the last words of a job that fails.
    public init(
        program: String, settings: [String: String], configurationFile: String?, ranks: [Int],
        batchSize: Int, steps: Int,
        progress: (_ what: String, _ done: Int, _ total: Int) -> Void
    ) throws {
        var settings = settings
        settings["epochs"] = nil
        settings["steps"] = "\(steps + Self.warmUpSteps)"
        var done = 0
        func job(_ ranks: Int, batchSize: Int) throws -> WorkerRun {
            progress("running jobs", done, 2 * ranks)
            done += 1
            settings["batch-size"] = "\(batchSize)"
            var arguments = settings.sorted { $0.key < $1.key }
                .flatMap { name, value in
                    SettingTable.named(name)?.form.isSwitch == true
                        ? ["--\(name)"] : ["--\(name)", value]
                }
            if let configurationFile { arguments += ["--config", configurationFile] }
            return try WorkerRun(program: program, ranks: ranks, arguments: arguments)
        }
        for number in ranks {
            let run = try job(number, batchSize: batchSize)
            let computed = try Self.computedTokens(settings, configurationFile)
            strong.append(Self.row(number, batchSize, run, computed, first: strong.first))
            guard let first = ranks.first, number > first else {
                weak = strong
                continue
            }
            let larger = batchSize * number / first
            let weakRun = try job(number, batchSize: larger)
            let largerComputed = try Self.computedTokens(settings, configurationFile)
            weak.append(Self.row(number, larger, weakRun, largerComputed, first: weak.first))
        }
    }

    /// Rows that each step of a job computes: its slices are known before it.
    private static func computedTokens(
        _ settings: [String: String], _ configurationFile: String?
    ) throws -> [Int] {
        let run = try RunRehearsal(
            settings: settings, configurationFile: configurationFile, startsMPI: false)
        return (1...run.totalSteps).map { step in
            run.slices(step: step).reduce(0) { $0 + $1.computedTokens }
        }
    }

    private static func row(
        _ ranks: Int, _ batchSize: Int, _ run: WorkerRun, _ computedTokens: [Int], first: Row?
    ) -> Row {
        let steps = run.steps.dropFirst(warmUpSteps)
        func median(_ value: (WorkerRun.Step) -> Double) -> Double { steps.map(value).median }
        let speed = median { $0.seconds > 0 ? Double($0.tokens) / $0.seconds : 0 }
        let ideal = first.map { $0.tokensPerSecond * Double(ranks) / Double($0.ranks) } ?? speed
        return Row(
            ranks: ranks, batchSize: batchSize, tokensPerSecond: speed,
            computedTokensPerSecond: median {
                $0.seconds > 0 ? Double(computedTokens[$0.step - 1]) / $0.seconds : 0
            },
            targetTokensPerSecond: median {
                $0.seconds > 0 ? Double($0.targetTokens) / $0.seconds : 0
            },
            computeSeconds: median(\.computeSeconds), reduceSeconds: median(\.reduceSeconds),
            updateSeconds: median(\.updateSeconds),
            proportionalBytes: run.peakProportionalBytes,
            largestResidentBytes: run.peakResidentBytes,
            efficiency: ideal > 0 ? speed / ideal : 0)
    }
}
