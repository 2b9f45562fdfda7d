public import Slices

/// The samples of a data file, and what became of the records that are not among them.
public struct LoadedDataset: Sendable {
    public let path: String
    /// As it was asked for, or told from the first usable record.
    public let format: DatasetFormat
    /// Whether the model's chat template wrote the samples.
    public let usesChatTemplate: Bool
    /// Those to train on.
    public let samples: Samples
    /// Those that ``SampleRecipe/heldOut`` keeps out; empty without it.
    public let heldOut: Samples
    public let summary: DatasetSummary
    /// SHA-256 of the file's bytes, in hexadecimal.
    public let sourceSHA256: String
    /// Hash of what was made of them: tokens, targets, what is held out.
    public let samplesHash: UInt64
    /// Token ids that occur, ascending.
    public let usedTokens: [Int32]
    /// How the samples came about.
    public let origin: SampleOrigin
    /// Bytes of the mapped file.
    public let mappedBytes: Int
    /// What a person should know beside, e.g. why nothing was cached.
    public let remark: String?
}
