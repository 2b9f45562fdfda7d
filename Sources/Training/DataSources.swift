import Datasets
import Faults
import Files
import Foundation
import Kernels
import RunSettings
import Slices
import Tokenization
import Words

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
        let line = ProgressLine { done, total, seconds in
            let speed = Double(done) / seconds / 1e6
            return "tokenizing \(path): \(done >> 20) of \(total >> 20) MiB, "
                + "\((speed * 10).rounded() / 10) MB/s"
        }
        defer { line.finish() }
        return try ProcessorCores.withAllCores { cores in
            try loadDataset(
                path: path, recipe: recipe, cache: cache, lanes: threads ?? cores,
                report: { line.say($0) }, progress: { line.update($0, of: $1) })
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
        return SHA256.digest(of: lines.joined().utf8).hexadecimal
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
