public import JSON

/// One line of `metrics.jsonl` or of the collector's file.
extension TimedRecord {
    /// The record as a JSON object without a line feed: `kind` first, `time` (seconds since
    /// 1970-01-01 UTC) last, every number so that it reads back as the same Double, NaN and
    /// infinity as null.
    public var jsonLine: String { jsonLine(tellingSender: false) }

    /// As ``jsonLine`` with `run_id` and `sequence` after `kind`, for files of several runs.
    public var jsonLineWithSender: String { jsonLine(tellingSender: true) }

    private func jsonLine(tellingSender: Bool) -> String {
        var object: JSONObject = ["kind": .text(record.kind)]
        if tellingSender {
            object["run_id"] = .text(runID)
            object.set("job_epoch", Int(clamping: epoch))
            object.set("sequence", Int(clamping: sequence))
        }
        for field in record.fields where !(tellingSender && field.name == "run_id") {
            object.set(field.name, field.value)
        }
        object.set("time", Double(unixTimeNanoseconds) / 1e9)
        return object.line
    }
}

extension RecordField.Value: JSONRepresentable {
    public var json: JSONValue {
        switch self {
        case .text(let text): .text(text)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .texts(let values): values.json
        case .integers(let values): values.json
        case .numbers(let values): values.json
        }
    }
}
