import Datasets
import Faults
import Foundation
import Kernels
import Slices
import Tokenization

/// One of the files of `--data`, and how often an epoch visits its samples.
public struct DataSource: Sendable, Equatable {
    public let path: String
    /// Visits of a sample in an epoch, on average; ``VisitedSet`` says which samples get what is
    /// left over.
    public let weight: Double

    /// The files of `--data`: paths separated by commas, each followed by `=` and a weight or not.
    ///
    /// - Throws: ``ConfigurationError`` if a path is empty or a weight impossible.
    public static func list(_ text: String) throws(ConfigurationError) -> [DataSource] {
        var sources: [DataSource] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let source = try DataSource(item.trimmingCharacters(in: .whitespaces))
            guard !sources.contains(where: { $0.path == source.path }) else {
                throw ConfigurationError(
                    "--data", "names \(source.path) twice", hint: "Give it a weight instead")
            }
            sources.append(source)
        }
        guard sources.count <= 256 else {
            throw ConfigurationError("--data", "names \(sources.count) files; at most 256 are read")
        }
        return sources
    }

    private init(_ item: String) throws(ConfigurationError) {
        // A path may hold '=', so only a number after the last one is a weight.
        let parts = item.split(separator: "=", omittingEmptySubsequences: false)
        if parts.count > 1, let last = parts.last, let number = Double(last) {
            guard number > 0, number <= VisitedSet.greatestWeight else {
                throw ConfigurationError(
                    "--data",
                    "gives weight \(last); it must be above 0 and at most "
                        + "\(Int(VisitedSet.greatestWeight))", hint: "Leave a file out instead of 0"
                )
            }
            path = parts.dropLast().joined(separator: "=")
            weight = number
        } else {
            path = item
            weight = 1
        }
        guard !path.isEmpty else {
            throw ConfigurationError(
                "--data", "names an empty path", hint: "As in a.jsonl=2,b.jsonl")
        }
    }
}

/// The data files of a run, tokenized.
struct TrainingData {
    let datasets: [LoadedDataset]
    let sources: [DataSource]
    /// All to train on, file after file.
    let samples: Samples
    /// What `--held-out` keeps out, file after file.
    let heldOut: Samples

    init(
        _ sources: [DataSource], recipe: SampleRecipe, cache: SampleCache, threads: Int?
    ) throws {
        self.sources = sources
        datasets = try sources.map { source in
            try Self.load(source.path, recipe: recipe, cache: cache, threads: threads)
        }
        samples = Samples(joining: datasets.map(\.samples))
        heldOut = Samples(joining: datasets.map(\.heldOut))
        guard let share = recipe.heldOut else { return }
        if heldOut.count == 0 {
            throw ConfigurationError(
                "--held-out", "is \(share.text), which takes none of the \(samples.count) samples",
                hint: "Choose a larger share")
        }
        if let empty = datasets.first(where: { $0.samples.count == 0 }) {
            throw ConfigurationError(
                "--held-out",
                "is \(share.text), which takes all \(empty.heldOut.count) samples of \(empty.path)",
                hint: "Choose a smaller share")
        }
    }

    /// One file, tokenized on all cores of the host: other ranks wait for it meanwhile.
    static func load(
        _ path: String, recipe: SampleRecipe, cache: SampleCache, threads: Int?
    ) throws -> LoadedDataset {
        let notice = TokenizationNotice(path: path)
        defer { notice.finish() }
        return try ProcessorCores.withAllCores { cores in
            try loadDataset(
                path: path, recipe: recipe, cache: cache, lanes: threads ?? cores,
                report: { notice.say($0) }, progress: { notice.update($0, of: $1) })
        }
    }

    /// Visits of each file in an epoch.
    var visitedSets: [VisitedSet] {
        zip(datasets, sources).map { VisitedSet(count: $0.samples.count, weight: $1.weight) }
    }

    /// SHA-256 of the contents of all files and their weights; of a single one, of its content.
    var fingerprint: String {
        if let only = datasets.first, datasets.count == 1, sources[0].weight == 1 {
            return only.sourceSHA256
        }
        let lines = zip(datasets, sources).map { "\($0.sourceSHA256)  \($1.weight)\n" }
        return Fingerprints.sha256([UInt8](lines.joined().utf8))
    }

    /// Keys of the records, for `run.yaml`: one name if all files have the same.
    var formatNames: String {
        var names: [String] = []
        for dataset in datasets where !names.contains(dataset.format.rawValue) {
            names.append(dataset.format.rawValue)
        }
        return names.joined(separator: ",")
    }
}

extension LoadedDataset {
    /// - Throws: ``ConfigurationError`` if a token has no row in the model's embedding.
    func requireTokens(below vocabularySize: Int) throws(ConfigurationError) {
        guard let largest = usedTokens.last, Int(largest) >= vocabularySize else { return }
        throw ConfigurationError(
            path,
            "holds token \(largest), and the model's vocabulary ends at "
                + "\(vocabularySize - 1)",
            hint: "The tokenizer belongs to another model, or has tokens added to it that the "
                + "model does not know")
    }

    /// What a person should know: what was cut, what was left out.
    func remarks(flag: String, maxLength: Int) -> [String] {
        var found = [remark].compactMap { $0 }.map { "\(flag): \($0)" }
        if let first = summary.firstBadLines.first {
            found.append(
                "\(flag): \(summary.badLines) bad lines skipped (the first: line \(first.line) "
                    + "\(first.reason))")
        }
        if summary.truncated > 0 {
            found.append("\(flag): \(summary.truncated) samples cut at \(maxLength) tokens")
        }
        if summary.withoutTarget > 0 {
            found.append("\(flag): \(summary.withoutTarget) samples without a target left out")
        }
        if summary.emptyAnswers > 0 {
            found.append(
                "\(flag): \(summary.emptyAnswers) records have an empty answer, which teaches the "
                    + "model to say nothing")
        }
        if summary.withoutEnd > 0 {
            found.append(
                "\(flag): the last answer of \(summary.withoutEnd) samples ends without an end token, as "
                    + "the chat template writes none there; a model does not learn from them to stop"
            )
        }
        if summary.splitConversations > 0 {
            found.append(
                "\(flag): \(summary.splitConversations) conversations became a sample for each "
                    + "answer, as the chat template changes earlier turns")
        }
        return found
    }
}
