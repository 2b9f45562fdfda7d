import Files
import Foundation
import Slices

/// Writes a samples file as its samples come; nothing of them stays in memory.
final class SampleFileWriter {
    /// A bit for each token id that occurs; to be set before ``seal(key:notes:)``.
    var usedTokens: [UInt64] = []
    private let path: String
    private let isWide: Bool
    private let vocabularySize: Int
    private let main: SectionFile
    // Sections whose place depends on the size of the one before.
    private let training: SectionFile
    private let heldOut: SectionFile
    private let runs: SectionFile
    private var tokenCount = 0
    private var runCount = 0
    private var lengths = (training: SampleLengths(), heldOut: SampleLengths())

    /// - Parameters:
    ///   - path: Where the file is made; the sections' temporary files lie beside it.
    ///   - vocabularySize: Token ids are below.
    init(path: String, vocabularySize: Int) throws(DatasetError) {
        self.path = path
        self.vocabularySize = vocabularySize
        isWide = vocabularySize > 1 << 16
        main = try SectionFile(path: path, keepsName: true)
        training = try SectionFile(path: path + ".training", keepsName: false)
        heldOut = try SectionFile(path: path + ".held-out", keepsName: false)
        runs = try SectionFile(path: path + ".runs", keepsName: false)
        try main.write([UInt8](repeating: 0, count: SampleFileHeader.bytes))
    }

    func append(_ block: TokenizedBlock) throws(DatasetError) {
        if isWide {
            try main.write(block.tokens)
        } else {
            try main.write(block.tokens.map { UInt16(truncatingIfNeeded: $0) })
        }
        for (entry, isHeldOut) in zip(block.entries, block.isHeldOut) {
            var entry = entry
            entry.tokenStart += UInt64(tokenCount)
            entry.runStart += UInt64(runCount)
            try (isHeldOut ? heldOut : training).write([entry])
            let (length, computed) = (Int(entry.length), Int(entry.computedLength))
            let targets = Int(entry.targetCount)
            if isHeldOut {
                lengths.heldOut.add(
                    length: length, computedLength: computed, targetCount: targets)
            } else {
                lengths.training.add(
                    length: length, computedLength: computed, targetCount: targets)
            }
        }
        try runs.write(block.runs)
        tokenCount += block.tokens.count
        runCount += block.runs.count
    }

    /// Completes the file, durably.
    func seal(key: [UInt64], notes: [UInt8]) throws(DatasetError) {
        var header = SampleFileHeader()
        header.key = key
        header[.tokenBytes] = isWide ? 4 : 2
        header[.tokenCount] = tokenCount
        header[.runCount] = runCount
        header[.trainingCount] = lengths.training.sampleCount
        header[.heldOutCount] = lengths.heldOut.sampleCount
        header[.vocabularySize] = vocabularySize
        header[.entriesOffset] = try main.align()
        try main.append(training)
        header[.heldOutOffset] = try main.align()
        try main.append(heldOut)
        header[.runsOffset] = try main.align()
        try main.append(runs)
        header[.histogramsOffset] = try main.align()
        let histograms = [
            lengths.training.lengths, lengths.training.computedLengths,
            lengths.training.targetCounts, lengths.heldOut.lengths,
            lengths.heldOut.computedLengths, lengths.heldOut.targetCounts,
        ]
        let longest = histograms.map(\.count).max() ?? 0
        header[.histogramLength] = longest
        for histogram in histograms {
            try main.write(
                histogram + [Int](repeating: 0, count: longest - histogram.count))
        }
        header[.usedTokensOffset] = try main.align()
        try main.write(usedTokens)
        header[.notesOffset] = try main.align()
        header[.notesBytes] = notes.count
        try main.write(notes)
        header[.fileBytes] = try main.align()
        try main.flush()
        do {
            let file = try MappedFile(path: path)
            header.bodyHash = SampleFileHeader.hash(
                body: UnsafeRawBufferPointer(rebasing: file.bytes[SampleFileHeader.bytes...]))
        } catch {
            throw DatasetError(error.problem, at: path, hint: error.hint)
        }
        try main.finish(firstPage: header.encoded())
    }
}
