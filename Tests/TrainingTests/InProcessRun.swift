import Collectives
import Foundation
import Tensors
import TestSupport
import Testing
import Training
import Transformer

/// A run of the tiny model whose ranks are threads of this process: the real step, no files.
struct InProcessRun {
    let steps: [TrainingStep]
    let communicators: [CountingCommunicator]
    /// Warnings of all ranks.
    let warnings = Told()
    /// How often each rank has asked whether to stop: once before each slice, and once before the sums.
    private let questions: [Count]

    /// - Parameters:
    ///   - fault: As in `LORA_INJECT_FAULT`.
    ///   - settings: Of the run; others are those of a small batch of two slices.
    ///   - clockFactors: How many times too fast each rank's clock runs, each rank a host of its own.
    ///   - isStopRequested: Asked by rank and by how often it has been asked before.
    init(
        ranks: Int, lanes: Int = 1, fault: String? = nil, settings: [String: String] = [:],
        clockFactors: [UInt64]? = nil,
        isStopRequested: @escaping @Sendable (_ rank: Int, _ question: Int) -> Bool = { _, _ in
            false
        }
    ) throws {
        let model = Programs.fixture("tiny-llama")
        let usual = [
            "model": model, "data": model + "/train.jsonl", "batch-size": "8", "steps": "12",
        ]
        let run = try RunRehearsal(
            settings: usual.merging(settings) { $1 }, configurationFile: nil, startsMPI: false)
        communicators = InProcessCommunicator.world(size: ranks).map(CountingCommunicator.init)
        let questions = communicators.map { _ in Count() }
        self.questions = questions
        steps = try communicators.map { [warnings] communicator in
            var surroundings = StepSurroundings()
            surroundings.injection = try fault.map { try FaultInjection($0) }
            surroundings.warn = { _, message in warnings.add(message) }
            let rank = communicator.rank
            surroundings.isStopRequested = { isStopRequested(rank, questions[rank].next()) }
            if let clockFactors {
                let now = surroundings.nanoseconds
                let start = now()
                surroundings.nanoseconds = { (now() - start) * clockFactors[rank] }
            }
            return try run.makeStep(
                lanes: lanes, communicator: communicator,
                hostLeaders: clockFactors.map { Array($0.indices) }, surroundings: surroundings)
        }
    }

    /// Takes these steps on all ranks at once.
    ///
    /// - Returns: The reports of each rank.
    func run(_ numbers: ClosedRange<Int>) throws -> [[StepReport]] {
        try onAllRanks { step in try numbers.map { try step.run($0) } }
    }

    /// One more step; the reports of all ranks.
    func run(step: Int) throws -> [StepReport] { try run(step...step).map { $0[0] } }

    /// How many slices each rank computes in `step`, which all compute once.
    func slices(ofStep step: Int) throws -> [Int] {
        let before = questions.map(\.count)
        _ = try run(step: step)
        return zip(questions, before).map { $0.count - $1 - 1 }
    }

    /// A digest of the bits of each rank's adapter (FNV-1a).
    var adapters: [UInt64] {
        steps.map { step in
            step.parameters.buffer.elements.reduce(0xCBF2_9CE4_8422_2325) { digest, value in
                (digest ^ UInt64(value.bitPattern)) &* 0x100_0000_01B3
            }
        }
    }

    /// Does `body` for each rank on a thread of its own.
    func onAllRanks<Value>(
        _ body: @escaping (TrainingStep) throws -> Value
    ) throws -> [Value] {
        let results = Results<Value>(count: steps.count)
        let work = Handed(value: (steps: steps, body: body))
        let group = DispatchGroup()
        for rank in steps.indices {
            group.enter()
            let thread = Thread {
                results.set(rank, Result { try work.value.body(work.value.steps[rank]) })
                group.leave()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        try #require(
            group.wait(timeout: .now() + 120) == .success,
            "the ranks did not meet within 120 s")
        return try results.all()
    }
}

/// Values that go to another thread while nobody else touches them.
private struct Handed<Value>: @unchecked Sendable { let value: Value }

/// `@unchecked Sendable`: behind its lock.
private final class Results<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var results: [Result<Value, any Error>?]

    init(count: Int) { results = Array(repeating: nil, count: count) }

    func set(_ index: Int, _ result: Result<Value, any Error>) {
        lock.withLock { results[index] = result }
    }

    func all() throws -> [Value] { try lock.withLock { try results.compactMap { try $0?.get() } } }
}

/// `@unchecked Sendable`: behind its lock.
private final class Count: @unchecked Sendable {
    private let lock = NSLock()
    private var stored = 0

    var count: Int { lock.withLock { stored } }

    /// 0, 1, 2 …
    func next() -> Int {
        lock.withLock {
            defer { stored += 1 }
            return stored
        }
    }
}

/// Passes everything on, and counts the collectives.
///
/// `@unchecked Sendable`: one rank's thread uses it.
final class CountingCommunicator: Communicator, @unchecked Sendable {
    private let base: InProcessCommunicator
    /// The collectives so far, in order.
    private(set) var collectives: [String] = []

    init(_ base: InProcessCommunicator) { self.base = base }

    var rank: Int { base.rank }
    var size: Int { base.size }
    var localRank: Int { base.localRank }
    var localSize: Int { base.localSize }
    var hostLeader: Int { base.hostLeader }

    func limitWaiting(toSeconds seconds: Double) { base.limitWaiting(toSeconds: seconds) }

    func allReduceSum(
        _ values: UnsafeMutableBufferPointer<Int64>
    ) throws(CommunicationError) {
        collectives.append("sum")
        try base.allReduceSum(values)
    }

    func allReduceMax(
        _ values: UnsafeMutableBufferPointer<Int64>
    ) throws(CommunicationError) {
        collectives.append("max")
        try base.allReduceMax(values)
    }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws(CommunicationError) {
        collectives.append("broadcast")
        try base.broadcast(bytes)
    }

    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws(CommunicationError) {
        try base.send(bytes, to: rank)
    }

    func receive(
        _ bytes: UnsafeMutableRawBufferPointer, from rank: Int
    ) throws(CommunicationError) {
        try base.receive(bytes, from: rank)
    }

    func allGather(_ bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
        collectives.append("gather")
        return try base.allGather(bytes)
    }
}
