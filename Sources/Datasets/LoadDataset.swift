import Slices
import Tensors
public import Tokenization

/// Reads a data file and turns its records into samples, in the file's order.
///
/// A sample is the tokenizer's begin tokens, the prompt, the response and the end token; prompt and
/// response are tokenized apart. Targets are the response's tokens and the end token. What exceeds
/// `maxLength` is cut off on the right.
///
/// - Parameters:
///   - path: JSONL, or one JSON array of objects; UTF-8.
///   - format: Keys of the records; `nil` takes those of the first usable one.
///   - tokenizer: Must name an end token.
///   - maxLength: Most tokens of a sample.
///   - skipBadLines: Skip and count records that cannot be used instead of stopping.
/// - Returns: At least one sample.
/// - Throws: ``DatasetError`` with file, line and reason for the first bad record; if the file
///   cannot be read, holds no record, or no record gives a sample.
public func loadDataset(
    path: String, format: DatasetFormat?, tokenizer: Tokenizer, maxLength: Int, skipBadLines: Bool
) throws(DatasetError) -> LoadedDataset {
    guard let endToken = tokenizer.endToken else {
        throw DatasetError(
            "the tokenizer names no end token, so a response would never end", at: nil,
            hint: "Add eos_token to the model's tokenizer_config.json")
    }
    guard maxLength > 0 else {
        throw DatasetError("must be at least 1, but is \(maxLength)", at: "--max-length")
    }
    let file: MappedFile
    do {
        file = try MappedFile(path: path)
    } catch {
        throw DatasetError(error.problem, at: path, hint: error.hint)
    }
    let builder = SampleBuilder(tokenizer: tokenizer, endToken: endToken, maxLength: maxLength)
    var reader = DatasetReader(path: path, format: format, builder: builder)
    try reader.read(file, skipBadLines: skipBadLines)
    return reader.dataset
}

/// Goes through the records of one file.
private struct DatasetReader {
    let path: String
    /// Known from the first usable record on.
    var format: DatasetFormat?
    let builder: SampleBuilder
    var dataset = LoadedDataset()

    mutating func read(_ file: MappedFile, skipBadLines: Bool) throws(DatasetError) {
        var scanner = RecordScanner(file.bytes)
        var records = 0
        while let record = try next(&scanner) {
            records += 1
            do throws(BadRecord) {
                try add(record)
            } catch {
                let row = scanner.isArray ? "record \(record.row) of the array " : ""
                guard skipBadLines else {
                    throw DatasetError(
                        row + error.reason, at: "\(path):\(record.line)",
                        hint: "Mend the line, or skip such lines with --skip-bad-lines")
                }
                dataset.skip(line: record.line, reason: row + error.reason)
            }
        }
        guard dataset.samples.count == 0 else {
            dataset.format = format ?? .alpaca
            return
        }
        throw nothingLeft(records: records)
    }

    private func next(
        _ scanner: inout RecordScanner
    ) throws(DatasetError) -> RecordScanner.RawRecord? {
        do {
            return try scanner.next()
        } catch {
            throw DatasetError(
                error.reason, at: "\(path):\(error.line)",
                hint: "The whole file must be one JSON array, or one JSON object a line")
        }
    }

    private mutating func add(_ raw: RecordScanner.RawRecord) throws(BadRecord) {
        let record = try Record(json: raw.bytes)
        let format: DatasetFormat =
            if let known = self.format { known } else { try .detected(in: record) }
        let (prompt, response) = try format.texts(of: record)
        self.format = format
        guard let sample = builder.sample(prompt: prompt, response: response) else {
            dataset.withoutTarget += 1
            return
        }
        dataset.samples.append(tokens: sample.tokens, isTarget: sample.isTarget)
        dataset.rows.append(raw.row)
        if sample.isTruncated { dataset.truncated += 1 }
    }

    private func nothingLeft(records: Int) -> DatasetError {
        guard records > 0 else {
            return DatasetError("holds no records", at: path, hint: "One JSON object a line")
        }
        let first = dataset.firstBadLines.first.map { " (line \($0.line) \($0.reason))" } ?? ""
        return DatasetError(
            "gives no sample: of \(records) records \(dataset.badLines) are bad\(first) and "
                + "\(dataset.withoutTarget) have no target within \(builder.maxLength) tokens",
            at: path,
            hint: dataset.withoutTarget > 0 ? "Raise --max-length" : nil)
    }
}
