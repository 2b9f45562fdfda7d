import CProgressProtocol
import CProtobufC
import Glibc

/// The one owner of an `Envelope` and of all it points to.
///
/// Everything in it comes from `malloc`, whether protobuf-c unpacked it or `init(_:)` built it, so
/// protobuf-c's own function frees it.
final class OwnedEnvelope {
    let pointer: UnsafeMutablePointer<Lora__Progress__Envelope>

    /// Takes over a message that protobuf-c has unpacked.
    init(owning pointer: UnsafeMutablePointer<Lora__Progress__Envelope>) {
        self.pointer = pointer
    }

    deinit {
        lora__progress__envelope__free_unpacked(pointer, nil)
    }

    init(_ timed: TimedRecord) {
        pointer = allocate(lora__progress__envelope__init)
        pointer.pointee.run_id = copy(timed.runID)
        pointer.pointee.sequence = timed.sequence
        pointer.pointee.has_epoch = 1
        pointer.pointee.epoch = timed.epoch
        pointer.pointee.unix_time_ns = timed.unixTimeNanoseconds
        switch timed.record {
        case .runStarted(let value): pointer.pointee.run_started = message(value)
        case .step(let value): pointer.pointee.step = message(value)
        case .evaluation(let value): pointer.pointee.evaluation = message(value)
        case .checkpoint(let value): pointer.pointee.checkpoint = message(value)
        case .resumed(let value): pointer.pointee.resumed = message(value)
        case .warning(let value): pointer.pointee.warning = message(value)
        case .finished(let value): pointer.pointee.finished = message(value)
        case .failed(let value): pointer.pointee.failed = message(value)
        case .gap(let value): pointer.pointee.gap = message(value)
        }
    }
}

/// Memory for one message, set to its defaults.
private func allocate<Message>(_ initialize: (UnsafeMutablePointer<Message>?) -> Void)
    -> UnsafeMutablePointer<Message>
{
    guard let memory = malloc(MemoryLayout<Message>.size) else {
        preconditionFailure("out of memory for \(MemoryLayout<Message>.size) bytes")
    }
    let pointer = memory.bindMemory(to: Message.self, capacity: 1)
    initialize(pointer)
    return pointer
}

/// `text` for C. A zero character would end it there for every reader, so it becomes U+FFFD.
private func copy(_ text: String) -> UnsafeMutablePointer<CChar>? {
    let hasZero = text.utf8.contains(0)
    return strdup(
        hasZero
            ? text.split(separator: "\0", omittingEmptySubsequences: false)
                .joined(separator: "\u{FFFD}") : text)
}

private func copy(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    guard !texts.isEmpty,
        let memory = calloc(texts.count, MemoryLayout<UnsafeMutablePointer<CChar>?>.stride)
    else { return nil }
    let pointers = memory.bindMemory(
        to: UnsafeMutablePointer<CChar>?.self, capacity: texts.count)
    for (index, text) in texts.enumerated() { pointers[index] = copy(text) }
    return pointers
}

private func message(_ value: ProgressRecord.RunStarted)
    -> UnsafeMutablePointer<Lora__Progress__RunStarted>
{
    let result = allocate(lora__progress__run_started__init)
    result.pointee.run_id = copy(value.runID)
    result.pointee.configuration = copy(value.configuration)
    result.pointee.world_size = Int64(value.worldSize)
    result.pointee.lanes_per_rank = Int64(value.lanesPerRank)
    result.pointee.hosts = copy(value.hosts)
    result.pointee.n_hosts = value.hosts.count
    result.pointee.kernel_id = copy(value.kernelID)
    result.pointee.total_steps = Int64(value.totalSteps)
    result.pointee.trainable_parameters = Int64(value.trainableParameters)
    result.pointee.name = copy(value.name)
    return result
}

private func message(_ value: ProgressRecord.Step) -> UnsafeMutablePointer<Lora__Progress__Step> {
    let result = allocate(lora__progress__step__init)
    result.pointee.step = Int64(value.step)
    result.pointee.epoch = Int64(value.epoch)
    result.pointee.loss = value.loss
    result.pointee.target_tokens = Int64(value.targetTokens)
    result.pointee.tokens = Int64(value.tokens)
    result.pointee.tokens_per_second = value.tokensPerSecond
    result.pointee.learning_rate = value.learningRate
    result.pointee.gradient_norm = value.gradientNorm
    result.pointee.compute_seconds = value.computeSeconds
    result.pointee.reduce_seconds = value.reduceSeconds
    result.pointee.update_seconds = value.updateSeconds
    setDetails(value.details, of: &result.pointee)
    return result
}

private func setDetails(
    _ details: ProgressRecord.Step.Details, of message: inout Lora__Progress__Step
) {
    func set<Value, Stored>(
        _ value: Value?, _ isThere: inout Int32, _ stored: inout Stored,
        _ convert: (Value) -> Stored
    ) {
        guard let value else { return }
        isThere = 1
        stored = convert(value)
    }
    set(details.stepSeconds, &message.has_step_seconds, &message.step_seconds) { $0 }
    set(
        details.targetTokensPerSecond, &message.has_target_tokens_per_second,
        &message.target_tokens_per_second
    ) { $0 }
    set(details.computedTokens, &message.has_computed_tokens, &message.computed_tokens) {
        Int64($0)
    }
    set(
        details.computedTokensPerSecond, &message.has_computed_tokens_per_second,
        &message.computed_tokens_per_second
    ) { $0 }
    set(details.clipFactor, &message.has_clip_factor, &message.clip_factor) { $0 }
    set(details.clipShare, &message.has_clip_share, &message.clip_share) { $0 }
    set(details.reducedBytes, &message.has_reduced_bytes, &message.reduced_bytes) { Int64($0) }
    set(details.secondsLeft, &message.has_seconds_left, &message.seconds_left) { $0 }
    message.n_rank_compute_seconds = details.rankComputeSeconds.count
    message.rank_compute_seconds = copy(details.rankComputeSeconds)
    message.n_rank_peak_memory_bytes = details.rankPeakMemoryBytes.count
    message.rank_peak_memory_bytes = copy(details.rankPeakMemoryBytes.map { Int64($0) })
}

/// Numbers for C; `nil` for none, which protobuf-c frees like the rest.
private func copy<Number: BitwiseCopyable>(_ numbers: [Number]) -> UnsafeMutablePointer<Number>? {
    guard !numbers.isEmpty,
        let memory = malloc(numbers.count * MemoryLayout<Number>.stride)
    else { return nil }
    let pointer = memory.bindMemory(to: Number.self, capacity: numbers.count)
    pointer.initialize(from: numbers, count: numbers.count)
    return pointer
}

private func message(_ value: ProgressRecord.Evaluation)
    -> UnsafeMutablePointer<Lora__Progress__Evaluation>
{
    let result = allocate(lora__progress__evaluation__init)
    result.pointee.step = Int64(value.step)
    result.pointee.loss = value.loss
    result.pointee.target_tokens = Int64(value.targetTokens)
    result.pointee.samples = Int64(value.samples)
    result.pointee.seconds = value.seconds
    return result
}

private func message(_ value: ProgressRecord.Checkpoint)
    -> UnsafeMutablePointer<Lora__Progress__Checkpoint>
{
    let result = allocate(lora__progress__checkpoint__init)
    result.pointee.step = Int64(value.step)
    result.pointee.path = copy(value.path)
    result.pointee.bytes = Int64(value.bytes)
    result.pointee.seconds = value.seconds
    result.pointee.manifest_sha256 = copy(value.manifestSHA256)
    result.pointee.has_hand_over_seconds = 1
    result.pointee.hand_over_seconds = value.handOverSeconds
    result.pointee.has_processor_seconds = 1
    result.pointee.processor_seconds = value.processorSeconds
    return result
}

private func message(_ value: ProgressRecord.Resumed)
    -> UnsafeMutablePointer<Lora__Progress__Resumed>
{
    let result = allocate(lora__progress__resumed__init)
    result.pointee.step = Int64(value.step)
    result.pointee.path = copy(value.path)
    result.pointee.world_size = Int64(value.worldSize)
    result.pointee.previous_world_size = Int64(value.previousWorldSize)
    result.pointee.changes = copy(value.changes)
    result.pointee.n_changes = value.changes.count
    return result
}

private func message(_ value: ProgressRecord.Warning)
    -> UnsafeMutablePointer<Lora__Progress__Warning>
{
    let result = allocate(lora__progress__warning__init)
    result.pointee.step = Int64(value.step)
    result.pointee.message = copy(value.message)
    return result
}

private func message(_ value: ProgressRecord.Finished)
    -> UnsafeMutablePointer<Lora__Progress__Finished>
{
    let result = allocate(lora__progress__finished__init)
    result.pointee.step = Int64(value.step)
    result.pointee.loss = value.loss
    result.pointee.evaluation_loss = value.evaluationLoss
    result.pointee.seconds = value.seconds
    result.pointee.adapter_path = copy(value.adapterPath)
    result.pointee.adapter_sha256 = copy(value.adapterSHA256)
    if let seconds = value.longestHandOverSeconds {
        result.pointee.has_longest_hand_over_seconds = 1
        result.pointee.longest_hand_over_seconds = seconds
    }
    return result
}

private func message(_ value: ProgressRecord.Failed)
    -> UnsafeMutablePointer<Lora__Progress__Failed>
{
    let result = allocate(lora__progress__failed__init)
    result.pointee.step = Int64(value.step)
    result.pointee.exit_code = Int64(value.exitCode)
    result.pointee.message = copy(value.message)
    return result
}

private func message(_ value: ProgressRecord.Gap) -> UnsafeMutablePointer<Lora__Progress__Gap> {
    let result = allocate(lora__progress__gap__init)
    result.pointee.first_sequence = value.firstSequence
    return result
}
