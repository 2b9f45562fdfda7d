import Files
import FoundationEssentials
import Glibc
public import ProgressReports

/// `OUT/tensorboard/events.out.tfevents.…`: every number of every record as a scalar.
///
/// Tags are `step/loss`, `evaluation/loss`, `step/rank_compute_seconds/0`. Each value is a float32
/// (`simple_value`), the one form that every reader takes: TensorBoard's own data server passes over float64
/// tensors without a word, and its older reader keeps superseded steps of tensors. A resumed run begins a new
/// file with a session start at the step it goes on from, at which TensorBoard forgets later steps of older files.
/// Source: `tensorflow/core/util/event.proto`, `summary.proto`, and the format of TFRecord files.
public final class TensorBoardEventFile: ProgressSink {
    public let place: String
    private let file: AppendedFile
    private let mayWrite: @Sendable () -> Bool
    private let failures: FailureCount

    /// - Parameters:
    ///   - folder: Made if it does not exist.
    ///   - resumedStep: Step of the checkpoint that the run goes on from.
    ///   - mayWrite: Asked before records are written: a job that was stopped while another took the run
    ///     over adds nothing to its folder.
    /// - Throws: ``ProgressError`` naming the file if it cannot be made.
    public init(
        folder: String, host: String, resumedStep: Int?,
        mayWrite: @escaping @Sendable () -> Bool = { true },
        tell: @escaping @Sendable (String) -> Void = tellOnStandardError
    ) throws(ProgressError) {
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let seconds = unixTimeNanoseconds() / 1_000_000_000
        // TensorBoard reads files in the order of their names.
        place = "\(folder)/events.out.tfevents.\(seconds).\(host).\(getpid()).0"
        do throws(FileError) {
            file = try AppendedFile(path: place)
        } catch {
            throw ProgressError(
                "cannot be made (\(error.reason))", at: place,
                hint: "Make room there, or give --tensorboard off")
        }
        self.mayWrite = mayWrite
        failures = FailureCount(place: place, tell: tell)
        append(Self.event(at: Double(seconds), step: nil) { $0.text(3, "brain.Event:2") })
        if let resumedStep {
            append(
                Self.event(at: Double(seconds), step: resumedStep + 1) { event in
                    event.message(7) { $0.integer(1, 1) }
                })
        }
    }

    public func receive(_ record: TimedRecord) { receive(contentsOf: [record]) }

    public func receive(contentsOf records: [TimedRecord]) {
        guard mayWrite() else { return }
        for record in records { write(record) }
    }

    private func write(_ record: TimedRecord) {
        let kind = record.record.kind
        let measurements = record.record.measurements
        guard !measurements.isEmpty, let step = record.record.step else { return }
        append(
            Self.event(at: Double(record.unixTimeNanoseconds) / 1e9, step: step) { event in
                event.message(5) { summary in
                    for measurement in measurements {
                        Self.add(measurement, kind: kind, to: &summary)
                    }
                }
            })
    }

    public func finish(timeoutSeconds: Double) { failures.tellTotal() }

    private static func add(
        _ measurement: Measurement, kind: String, to summary: inout ProtobufMessage
    ) {
        let rank = measurement.workerRank.map { "/\($0)" } ?? ""
        summary.message(1) { value in
            value.text(1, "\(kind)/\(measurement.name)\(rank)")
            value.float(2, Float(measurement.value))
        }
    }

    private static func event(
        at seconds: Double, step: Int?, _ build: (inout ProtobufMessage) -> Void
    ) -> [UInt8] {
        var event = ProtobufMessage()
        event.double(1, seconds)
        if let step { event.integer(2, Int64(step)) }
        build(&event)
        return event.bytes
    }

    /// One record of the file: length, its checksum, the bytes, their checksum; little-endian.
    private func append(_ event: [UInt8]) {
        let length = littleEndian(UInt64(event.count))
        let bytes =
            length + littleEndian(CRC32C.masked(length)) + event
            + littleEndian(CRC32C.masked(event))
        // A torn record would end the file for its readers.
        do throws(FileError) { try file.append(bytes) } catch { failures.count(error.reason) }
    }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
