import Faults
import Files
import Foundation
import Slices
public import Tokenization

/// Reads a data file and gives its records as samples, in the file's order.
///
/// A sample of prompt and response is the tokenizer's begin tokens, the prompt, the response and the
/// end token; prompt and response are tokenized apart, and targets are the response's tokens and the
/// end token. Of a plain text, all is a target. A conversation is what the model's chat template
/// makes of it, tokenized as a whole; targets are what the assistant says. What exceeds the maximum
/// length is cut off on the right.
///
/// Samples lie in a mapped file and not in this process's memory. It is kept in `cache` and found
/// again by the contents of the data and the recipe; without a cache it vanishes with the process.
///
/// - Parameters:
///   - path: JSONL, or one JSON array of objects; UTF-8; as it is, or packed by gzip or Zstandard.
///   - recipe: What is made of it.
///   - cache: Where samples are kept; `nil` for nowhere.
///   - lanes: Threads that tokenize.
///   - report: Given words for a person who waits.
///   - progress: Called now and then with the bytes of the file that were read and all of them.
/// - Returns: At least one sample to train on, and one held out if a share is.
/// - Throws: ``DatasetError`` with file, line and reason for the first bad record; if the file
///   cannot be read, is of another kind, holds no record, or no record gives a sample; where bad
///   records are skipped, if more than nine in ten are bad.
public func loadDataset(
    path: String, recipe: SampleRecipe, cache: SampleCache?, lanes: Int = 1,
    report: (String) -> Void = { _ in },
    progress: (@Sendable (_ done: Int, _ total: Int) -> Void)? = nil
) throws(DatasetError) -> LoadedDataset {
    guard recipe.maxLength > 0 else {
        throw DatasetError("must be at least 1, but is \(recipe.maxLength)", at: "--max-length")
    }
    guard recipe.tokenizer.endToken != nil else {
        throw DatasetError(
            "the tokenizer names no end token, so a response would never end", at: nil,
            hint: "Add eos_token to the model's tokenizer_config.json")
    }
    let loading = DatasetLoading(
        source: try SourceFile(path: path), recipe: recipe, lanes: lanes, progress: progress)
    return try loading.load(cache, report)
}

/// As above for one thread and without a cache.
public func loadDataset(
    path: String, format: DatasetFormat?, tokenizer: Tokenizer, maxLength: Int, skipBadLines: Bool
) throws(DatasetError) -> LoadedDataset {
    var recipe = SampleRecipe(tokenizer: tokenizer, maxLength: maxLength)
    recipe.format = format
    recipe.skipBadLines = skipBadLines
    return try loadDataset(path: path, recipe: recipe, cache: nil)
}

/// From one file to its samples.
private struct DatasetLoading {
    let source: SourceFile
    let recipe: SampleRecipe
    let lanes: Int
    let progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?

    /// What a samples file says of its records.
    private struct Notes: Codable {
        var format: DatasetFormat.RawValue
        var asChat: Bool
        var summary: DatasetSummary
    }

    func load(_ cache: SampleCache?, _ report: (String) -> Void) throws(DatasetError)
        -> LoadedDataset
    {
        let digest = try source.sha256()
        guard let cache, let identity = recipe.identity else {
            return try dataset(privateFile(), digest, .unsaved, remark: nil)
        }
        let key = SHA256.digest(of: "\(digest)\n\(identity)".utf8).bytes.withUnsafeBytes {
            Array($0.bindMemory(to: UInt64.self))
        }
        var origin = SampleOrigin.made
        do throws(DatasetError) {
            try Self.makeFolder(cache.folder)
            let file = try cache.file(key, origin: &origin, report: report) {
                (path, touch) throws(DatasetError) in
                try make(path, key: key, touch: touch)
            }
            let remark =
                origin == .remade
                ? "the cached samples of \(source.path) were damaged and have been made again" : nil
            return try dataset(file, digest, origin, remark: remark)
        } catch let error where error.location?.hasPrefix(cache.folder) == true {
            // A folder that nobody asked for must not stop a run.
            guard !cache.isAsked, error.exitCode == .badInput else { throw error }
            return try dataset(
                privateFile(), digest, .unsaved,
                remark: "the samples of \(source.path) were not kept, and each process made its "
                    + "own: \(error)")
        }
    }

    private static func makeFolder(_ path: String) throws(DatasetError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            var status = stat()
            // A folder that is there and cannot be written to may still hold the file.
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw DatasetError(
                    "cannot be made as a folder", at: path,
                    hint: "Name a folder that may be written to with --cache")
            }
        }
    }

    /// A file without a name.
    private func privateFile() throws(DatasetError) -> SampleFile {
        let key: [UInt64] = [0, 0, 0, 0]
        let folder = NSTemporaryDirectory()
        let path =
            (folder.hasSuffix("/") ? folder : folder + "/")
            + "lora-samples-\(getpid())-\(UInt64.random(in: .min ... .max))"
        defer { unlink(path) }
        try make(path, key: key, touch: {})
        guard let file = try SampleFile(path: path, key: key) else {
            throw DatasetError("was written and reads otherwise", at: path)
        }
        return file
    }

    private func make(
        _ path: String, key: [UInt64], touch: @escaping @Sendable () -> Void
    ) throws(DatasetError) {
        source.rewind()
        let writer = try SampleFileWriter(
            path: path, vocabularySize: recipe.tokenizer.vocabularySize)
        do throws(DatasetError) {
            let pipeline = try TokenizationPipeline(
                source, recipe, writer: writer, lanes: lanes,
                progress: { [progress] done, total in
                    touch()
                    progress?(done, total)
                })
            let (summary, form) = try pipeline.run()
            guard summary.records > 0 else {
                throw DatasetError(
                    source.byteCount == 0 ? "is empty" : "holds no records", at: source.path,
                    hint: source.byteCount == 0
                        ? "Did its download or its copy come to an end?" : "One JSON object a line")
            }
            let notes = Notes(
                format: (form?.format ?? .alpaca).rawValue, asChat: form?.asChat ?? false,
                summary: summary)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            try writer.seal(key: key, notes: [UInt8]((try? encoder.encode(notes)) ?? Data()))
        } catch {
            unlink(path)
            throw explained(error)
        }
    }

    /// The error of a file's first record, or, if the file as a whole is something else, that one.
    private func explained(_ error: DatasetError) -> DatasetError {
        guard error.location != source.path, let shape = shape(),
            error.location == "\(source.path):\(shape.firstRecordLine)" || shape.hasSeveralArrays,
            let kind = shape.kind
        else { return error }
        return DatasetError(
            "is \(kind.name), not JSON lines (\(error.problem))",
            at: source.path, hint: kind.dataHint(path: source.path))
    }

    /// How the file begins; `nil` if it can no longer be read.
    private func shape() -> DataFileShape? {
        source.rewind()
        var text: [UInt8] = []
        guard let stream = try? DecompressedStream(source),
            (try? stream.read(DataFileShape.headBytes, into: &text)) != nil
        else { return nil }
        return DataFileShape(text, isWhole: text.count < DataFileShape.headBytes)
    }

    private func dataset(
        _ file: SampleFile, _ digest: String, _ origin: SampleOrigin, remark: String?
    ) throws(DatasetError) -> LoadedDataset {
        guard let notes = try? JSONDecoder().decode(Notes.self, from: Data(file.notes)),
            let format = DatasetFormat(rawValue: notes.format)
        else { throw DatasetError("cannot be understood", at: file.path, hint: "Remove it") }
        let samples = file.samples
        guard samples.training.count + samples.heldOut.count > 0 else {
            throw nothingLeft(notes.summary)
        }
        // What is left of such a file is there by accident, e.g. because of another format.
        guard notes.summary.badLines <= 9 * (notes.summary.records - notes.summary.badLines) else {
            throw unusable(
                "has \(notes.summary.badLines) bad records of \(notes.summary.records), more than "
                    + "nine in ten", notes.summary,
                hint: "--skip-bad-lines is for a few: see whether --format fits, and remove them")
        }
        if let share = recipe.heldOut {
            let count = samples.training.count + samples.heldOut.count
            guard samples.heldOut.count > 0, samples.training.count > 0 else {
                throw DatasetError(
                    "is \(share.text), which takes \(samples.heldOut.count == 0 ? "none" : "all") "
                        + "of the \(count) samples of \(source.path)", at: "--held-out",
                    hint: "Choose another share")
            }
        }
        return LoadedDataset(
            path: source.path, format: format, usesChatTemplate: notes.asChat,
            samples: samples.training,
            heldOut: samples.heldOut, summary: notes.summary, sourceSHA256: digest,
            samplesHash: file.samplesHash, usedTokens: file.usedTokens, origin: origin,
            mappedBytes: file.bytes.count,
            remark: remark)
    }

    private func nothingLeft(_ summary: DatasetSummary) -> DatasetError {
        unusable(
            "gives no sample: of \(summary.records) records \(summary.badLines) are bad and "
                + "\(summary.withoutTarget) have no target within \(recipe.maxLength) tokens",
            summary,
            hint: summary.withoutTarget > 0
                ? "See whether the records have answers that are to be learned, or raise "
                    + "--max-length" : nil)
    }

    /// With the first bad record's reason, and if the file is something else, with what it is.
    private func unusable(
        _ problem: String, _ summary: DatasetSummary, hint: String?
    ) -> DatasetError {
        guard let first = summary.firstBadLines.first else {
            return DatasetError(problem, at: source.path, hint: hint)
        }
        let text = "\(problem) (line \(first.line) \(first.reason))"
        guard let shape = shape(), shape.firstRecordLine == first.line, let kind = shape.kind else {
            return DatasetError(text, at: source.path, hint: hint)
        }
        return DatasetError(
            "is \(kind.name), not JSON lines, and \(text)", at: source.path,
            hint: kind.dataHint(path: source.path))
    }
}
