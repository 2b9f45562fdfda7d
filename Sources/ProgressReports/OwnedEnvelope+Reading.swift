import CProgressProtocol
import CProtobufC

extension OwnedEnvelope {
    /// The record inside; see ``ProgressMessage/decode(_:)``.
    func record() throws(ProgressError) -> TimedRecord {
        // The object must outlive the C strings that are read below.
        try withExtendedLifetime(self) { () throws(ProgressError) -> TimedRecord in
            let envelope = pointer.pointee
            var found: [ProgressRecord] = []
            if let value = envelope.run_started {
                found.append(.runStarted(try read(value.pointee)))
            }
            if let value = envelope.step { found.append(.step(read(value.pointee))) }
            if let value = envelope.evaluation { found.append(.evaluation(read(value.pointee))) }
            if let value = envelope.checkpoint {
                found.append(.checkpoint(try read(value.pointee)))
            }
            if let value = envelope.resumed { found.append(.resumed(try read(value.pointee))) }
            if let value = envelope.warning { found.append(.warning(try read(value.pointee))) }
            if let value = envelope.finished { found.append(.finished(try read(value.pointee))) }
            if let value = envelope.failed { found.append(.failed(try read(value.pointee))) }
            if let value = envelope.gap {
                found.append(.gap(.init(firstSequence: value.pointee.first_sequence)))
            }
            guard let record = found.first, found.count == 1 else {
                throw ProgressError("a message with \(found.count) records instead of one")
            }
            return TimedRecord(
                runID: try readText(envelope.run_id), epoch: envelope.epoch,
                sequence: envelope.sequence,
                unixTimeNanoseconds: envelope.unix_time_ns, record: record)
        }
    }
}

func readText(_ pointer: UnsafeMutablePointer<CChar>?) throws(ProgressError) -> String {
    guard let pointer else { return "" }
    guard let text = String(validatingCString: pointer) else {
        throw ProgressError("a message with text that is not UTF-8")
    }
    return text
}

private func texts(
    _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, count: Int
) throws(ProgressError) -> [String] {
    var result: [String] = []
    guard let pointers else { return result }
    // Two bytes on the wire become some tens in memory.
    guard count <= ProgressMessage.mostItems else {
        throw ProgressError("a message with a list of \(count) items")
    }
    for index in 0..<count { result.append(try readText(pointers[index])) }
    return result
}

private func read(_ value: Lora__Progress__RunStarted) throws(ProgressError)
    -> ProgressRecord.RunStarted
{
    ProgressRecord.RunStarted(
        runID: try readText(value.run_id), configuration: try readText(value.configuration),
        worldSize: Int(value.world_size), lanesPerRank: Int(value.lanes_per_rank),
        hosts: try texts(value.hosts, count: value.n_hosts),
        kernelID: try readText(value.kernel_id),
        totalSteps: Int(value.total_steps), trainableParameters: Int(value.trainable_parameters),
        name: try readText(value.name))
}

private func read(_ value: Lora__Progress__Step) -> ProgressRecord.Step {
    ProgressRecord.Step(
        step: Int(value.step), epoch: Int(value.epoch), loss: value.loss,
        targetTokens: Int(value.target_tokens), tokens: Int(value.tokens),
        tokensPerSecond: value.tokens_per_second, learningRate: value.learning_rate,
        gradientNorm: value.gradient_norm, computeSeconds: value.compute_seconds,
        reduceSeconds: value.reduce_seconds, updateSeconds: value.update_seconds,
        details: readDetails(value))
}

private func readDetails(_ value: Lora__Progress__Step) -> ProgressRecord.Step.Details {
    func number(_ isThere: Int32, _ number: Double) -> Double? { isThere != 0 ? number : nil }
    func integer(_ isThere: Int32, _ number: Int64) -> Int? { isThere != 0 ? Int(number) : nil }
    var details = ProgressRecord.Step.Details()
    details.stepSeconds = number(value.has_step_seconds, value.step_seconds)
    details.targetTokensPerSecond = number(
        value.has_target_tokens_per_second, value.target_tokens_per_second)
    details.computedTokens = integer(value.has_computed_tokens, value.computed_tokens)
    details.computedTokensPerSecond = number(
        value.has_computed_tokens_per_second, value.computed_tokens_per_second)
    details.clipFactor = number(value.has_clip_factor, value.clip_factor)
    details.clipShare = number(value.has_clip_share, value.clip_share)
    details.reducedBytes = integer(value.has_reduced_bytes, value.reduced_bytes)
    details.secondsLeft = number(value.has_seconds_left, value.seconds_left)
    details.rankComputeSeconds = Array(
        UnsafeBufferPointer(
            start: value.rank_compute_seconds, count: value.n_rank_compute_seconds))
    details.rankPeakMemoryBytes = UnsafeBufferPointer(
        start: value.rank_peak_memory_bytes, count: value.n_rank_peak_memory_bytes
    ).map { Int($0) }
    return details
}

private func read(_ value: Lora__Progress__Evaluation) -> ProgressRecord.Evaluation {
    ProgressRecord.Evaluation(
        step: Int(value.step), loss: value.loss, targetTokens: Int(value.target_tokens),
        samples: Int(value.samples), seconds: value.seconds)
}

private func read(_ value: Lora__Progress__Checkpoint) throws(ProgressError)
    -> ProgressRecord.Checkpoint
{
    ProgressRecord.Checkpoint(
        step: Int(value.step), path: try readText(value.path), bytes: Int(value.bytes),
        seconds: value.seconds, manifestSHA256: try readText(value.manifest_sha256),
        handOverSeconds: value.hand_over_seconds, processorSeconds: value.processor_seconds)
}

private func read(_ value: Lora__Progress__Resumed) throws(ProgressError)
    -> ProgressRecord.Resumed
{
    ProgressRecord.Resumed(
        step: Int(value.step), path: try readText(value.path), worldSize: Int(value.world_size),
        previousWorldSize: Int(value.previous_world_size),
        changes: try texts(value.changes, count: value.n_changes))
}

private func read(_ value: Lora__Progress__Warning) throws(ProgressError)
    -> ProgressRecord.Warning
{
    ProgressRecord.Warning(step: Int(value.step), message: try readText(value.message))
}

private func read(_ value: Lora__Progress__Finished) throws(ProgressError)
    -> ProgressRecord.Finished
{
    ProgressRecord.Finished(
        step: Int(value.step), loss: value.loss, evaluationLoss: value.evaluation_loss,
        seconds: value.seconds, adapterPath: try readText(value.adapter_path),
        adapterSHA256: try readText(value.adapter_sha256),
        longestHandOverSeconds: value.has_longest_hand_over_seconds != 0
            ? value.longest_hand_over_seconds : nil)
}

private func read(_ value: Lora__Progress__Failed) throws(ProgressError)
    -> ProgressRecord.Failed
{
    ProgressRecord.Failed(
        step: Int(value.step), exitCode: Int(value.exit_code), message: try readText(value.message))
}
