public import Slices

/// The samples of a data file, and what became of the records that are not among them.
public struct LoadedDataset: Sendable {
    /// A record that cannot be used.
    public struct BadLine: Sendable, Equatable {
        /// From 1.
        public let line: Int
        public let reason: String
    }

    /// As it was asked for, or told from the first usable record.
    public internal(set) var format = DatasetFormat.alpaca
    public internal(set) var samples = Samples()
    /// For each sample its position among the file's records (blank lines are none), from 0.
    public internal(set) var rows: [Int] = []
    /// Records that were skipped because they cannot be used.
    public internal(set) var badLines = 0
    /// The first ``maximumBadLineNotes`` of them.
    public internal(set) var firstBadLines: [BadLine] = []
    /// Records that were left out because no target remains within the maximum length.
    public internal(set) var withoutTarget = 0
    /// Samples that were cut at the maximum length.
    public internal(set) var truncated = 0

    public static let maximumBadLineNotes = 5

    mutating func skip(line: Int, reason: String) {
        badLines += 1
        if firstBadLines.count < Self.maximumBadLineNotes {
            firstBadLines.append(BadLine(line: line, reason: reason))
        }
    }
}
