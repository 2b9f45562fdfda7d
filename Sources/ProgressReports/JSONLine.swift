/// One line of `metrics.jsonl` or of the collector's file.
extension TimedRecord {
    /// The record as a JSON object without a line feed: `kind` first, `time` (seconds since
    /// 1970-01-01 UTC) last, every number so that it reads back as the same Double, NaN and
    /// infinity as null.
    public var jsonLine: String { jsonLine(tellingSender: false) }

    /// As ``jsonLine`` with `run_id` and `sequence` after `kind`, for files of several runs.
    public var jsonLineWithSender: String { jsonLine(tellingSender: true) }

    private func jsonLine(tellingSender: Bool) -> String {
        var object = JSONObject()
        object.add("kind", .text(record.kind))
        if tellingSender {
            object.add("run_id", .text(runID))
            object.add("job_epoch", verbatim: "\(epoch)")
            object.add("sequence", verbatim: "\(sequence)")
        }
        for field in record.fields where !(tellingSender && field.name == "run_id") {
            object.add(field.name, field.value)
        }
        object.add("time", .number(Double(unixTimeNanoseconds) / 1e9))
        return object.text
    }
}

/// A flat JSON object whose keys keep their order.
public struct JSONObject {
    private var body = ""

    public init() {}

    public var text: String { "{" + body + "}" }

    /// `nil` becomes null; NaN and infinity too.
    public mutating func add(_ key: String, _ value: RecordField.Value?) {
        switch value {
        case nil: add(key, verbatim: "null")
        case .text(let text): add(key, verbatim: Self.quoted(text))
        case .integer(let value): add(key, verbatim: "\(value)")
        case .number(let value): add(key, verbatim: Self.digits(value))
        case .texts(let values): add(key, values.map(Self.quoted))
        case .integers(let values): add(key, values.map { "\($0)" })
        case .numbers(let values): add(key, values.map(Self.digits))
        }
    }

    /// - Parameter value: JSON.
    public mutating func add(_ key: String, verbatim value: String) {
        if !body.isEmpty { body += "," }
        body += "\"\(key)\":" + value
    }

    private mutating func add(_ key: String, _ items: [String]) {
        add(key, verbatim: "[\(items.joined(separator: ","))]")
    }

    /// The shortest digits that identify the value.
    private static func digits(_ value: Double) -> String {
        value.isFinite ? "\(value)" : "null"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
