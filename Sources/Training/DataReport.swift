public import Datasets
import ModelFiles
public import RunSettings
import Slices
import Tokenization

/// What `lora data` shows: what a run would train on.
public struct DataReport: Sendable {
    /// One file of `--data`.
    public struct File: Sendable {
        public let path: String
        public let weight: Double
        public let format: String
        public let samples: Int
        public let heldOut: Int
        /// Visits of an epoch.
        public let visits: Int
        public let records: Int
        public let badLines: Int
        public let firstBadLines: [DatasetSummary.BadLine]
        public let withoutTarget: Int
        public let truncated: Int
        /// Records with an answer that says nothing.
        public let emptyAnswers: Int
        /// Samples whose last answer no token ends.
        public let withoutEnd: Int
        /// Conversations that became several samples.
        public let splitConversations: Int
        /// Keys that nothing is made of.
        public let unusedKeys: [String]
        public let tokens: Int
        public let targetTokens: Int
        /// Tokens that an epoch visits, on average over epochs.
        public let tokensPerEpoch: Double
        public let origin: SampleOrigin
        public let mappedBytes: Int
        public let remark: String?
    }

    public let files: [File]
    public let maxLength: Int
    /// Samples by their number of tokens, all files together.
    public let lengths: [Int]
    /// Samples with the same texts as another one before them; `nil` if there are too many to look.
    public let duplicates: Int?
    public let cacheFolder: String
    private let samples: Samples
    private let tokenizer: Tokenizer

    /// More hashes than these are not sorted in memory.
    private static let mostHashes = 20_000_000

    /// Reads and tokenizes the data, or finds it tokenized.
    ///
    /// - Throws: A ``Fault`` naming the flag, or the file and line.
    public init(settings: SettingValues) throws {
        let sources = try settings.required(\.data).sources
        let model = try BaseModel.open(path: try settings.required(\.model))
        let recipe = try settings.recipe(for: model).recipe
        maxLength = recipe.maxLength
        let cache = settings.sampleCache
        let data = try TrainingData(
            sources, recipe: recipe, cache: cache, threads: settings.threads)
        try settings.refuseIdle(data.datasets)
        for dataset in data.datasets {
            try dataset.requireTokens(below: model.configuration.vocabularySize)
        }
        files = zip(data.datasets, zip(data.sources, data.visitedSets)).map { dataset, use in
            let (lengths, visits) = (dataset.samples.lengths, use.1.visits)
            return File(
                path: dataset.path, weight: use.0.weight, format: dataset.format.rawValue,
                samples: dataset.samples.count, heldOut: dataset.heldOut.count, visits: visits,
                records: dataset.summary.records, badLines: dataset.summary.badLines,
                firstBadLines: dataset.summary.firstBadLines,
                withoutTarget: dataset.summary.withoutTarget, truncated: dataset.summary.truncated,
                emptyAnswers: dataset.summary.emptyAnswers,
                withoutEnd: dataset.summary.withoutEnd,
                splitConversations: dataset.summary.splitConversations,
                unusedKeys: dataset.summary.unusedKeys,
                tokens: lengths.tokenCount, targetTokens: lengths.targetCount,
                tokensPerEpoch: Double(lengths.tokenCount) * Double(visits)
                    / Double(max(1, dataset.samples.count)),
                origin: dataset.origin, mappedBytes: dataset.mappedBytes, remark: dataset.remark)
        }
        samples = data.samples
        lengths = samples.lengths.lengths
        duplicates = Self.duplicates(in: samples)
        cacheFolder = cache.folder
        tokenizer = recipe.tokenizer
    }

    public var sampleCount: Int { samples.count }

    private static func duplicates(in samples: Samples) -> Int? {
        guard samples.count <= mostHashes else { return nil }
        var hashes = (0..<samples.count).map { samples.contentHash($0) }
        hashes.sort()
        return zip(hashes, hashes.dropFirst()).count { $0 == $1 }
    }

    /// Consecutive tokens of a sample that are all targets or all none, as text.
    public struct Passage: Sendable, Equatable {
        public let text: String
        public let isTarget: Bool
    }

    /// Row in its file, number of tokens, and text of sample `index`, cut where targets begin and
    /// end. A character whose bytes lie in two passages stands in the second.
    public func sample(_ index: Int) -> (row: Int, tokens: Int, passages: [Passage]) {
        var decoder = tokenizer.makeStreamDecoder(skipSpecial: false)
        let tokens = samples.tokens(index)
        var passages: [Passage] = []
        var text = ""
        let marks = samples.targetMarks(index)
        for (place, token) in tokens.enumerated() {
            text += decoder.append(token)
            if place + 1 == tokens.count || marks[place + 1] != marks[place] {
                if place + 1 == tokens.count { text += decoder.finish() }
                passages.append(Passage(text: text, isTarget: marks[place]))
                text = ""
            }
        }
        return (samples.row(index), tokens.count, passages)
    }
}
