import Files
import Foundation
import Slices

/// A samples file, mapped: all processes of a node share its pages.
final class SampleFile: Sendable {
    let header: SampleFileHeader
    private let file: MappedFile

    var bytes: UnsafeRawBufferPointer { file.bytes }

    var path: String { file.path }

    /// Opens a file and checks every byte of it.
    ///
    /// - Returns: `nil` if it is torn, altered, or another recipe's.
    /// - Throws: ``DatasetError`` if it cannot be read.
    init?(path: String, key: [UInt64]) throws(DatasetError) {
        do {
            file = try MappedFile(path: path)
        } catch {
            throw DatasetError(error.problem, at: path, hint: error.hint)
        }
        guard let header = SampleFileHeader(file.bytes), header.key == key,
            header[.fileBytes] == file.bytes.count
        else { return nil }
        self.header = header
        let body = UnsafeRawBufferPointer(rebasing: file.bytes[SampleFileHeader.bytes...])
        guard header.bodyHash == SampleFileHeader.hash(body: body) else { return nil }
        guard isSound else { return nil }
    }

    /// Whether every section lies within the file and every entry within its section.
    private var isSound: Bool {
        let entryBytes = MemoryLayout<SampleEntry>.stride
        let sections: [(offset: SampleFileHeader.Field, count: Int, stride: Int)] = [
            (.entriesOffset, header[.trainingCount], entryBytes),
            (.heldOutOffset, header[.heldOutCount], entryBytes),
            (.runsOffset, header[.runCount], MemoryLayout<TargetRun>.stride),
            (.histogramsOffset, header[.histogramLength], 6 * 8),
            (.usedTokensOffset, (header[.vocabularySize] + 63) / 64, 8),
            (.notesOffset, header[.notesBytes], 1),
        ]
        for section in sections {
            let (size, overflow) = section.count.multipliedReportingOverflow(by: section.stride)
            let offset = header[section.offset]
            guard !overflow, offset.isMultiple(of: 64), offset <= bytes.count,
                size <= bytes.count - offset
            else { return false }
        }
        let (tokenBytes, overflow) = header[.tokenCount].multipliedReportingOverflow(
            by: header[.tokenBytes])
        guard [2, 4].contains(header[.tokenBytes]), !overflow,
            tokenBytes <= bytes.count - SampleFileHeader.bytes
        else { return false }
        let runs = runs
        return [training, heldOut].allSatisfy { entries in
            entries.allSatisfy {
                SampleTable.isSound($0, tokenCount: header[.tokenCount], runs: runs)
            }
        }
    }

    private func section<Element>(
        _ offset: SampleFileHeader.Field, _ count: Int, of type: Element.Type
    ) -> UnsafeBufferPointer<Element> {
        let start = header[offset]
        return UnsafeRawBufferPointer(
            rebasing: bytes[start..<start + count * MemoryLayout<Element>.stride]
        ).bindMemory(to: Element.self)
    }

    private var training: UnsafeBufferPointer<SampleEntry> {
        section(.entriesOffset, header[.trainingCount], of: SampleEntry.self)
    }

    private var heldOut: UnsafeBufferPointer<SampleEntry> {
        section(.heldOutOffset, header[.heldOutCount], of: SampleEntry.self)
    }

    private var runs: UnsafeBufferPointer<TargetRun> {
        section(.runsOffset, header[.runCount], of: TargetRun.self)
    }

    /// The samples to train on and those held out.
    var samples: (training: Samples, heldOut: Samples) {
        (samples(training, firstHistogram: 0), samples(heldOut, firstHistogram: 3))
    }

    private func samples(
        _ entries: UnsafeBufferPointer<SampleEntry>, firstHistogram: Int
    ) -> Samples {
        guard let start = bytes.baseAddress else { return Samples() }
        let length = header[.histogramLength]
        let numbers = section(.histogramsOffset, 6 * length, of: Int.self)
        let histograms = (0..<3).map { index in
            var counts = Array(
                numbers[(firstHistogram + index) * length..<(firstHistogram + index + 1) * length])
            while counts.last == 0 { counts.removeLast() }
            return counts
        }
        let table = SampleTable(
            tokens: start + SampleFileHeader.bytes, isWide: header[.tokenBytes] == 4,
            entries: entries, runs: runs, owner: self)
        return Samples(
            table, entries: 0..<entries.count,
            lengths: SampleLengths(
                lengths: histograms[0], computedLengths: histograms[1],
                targetCounts: histograms[2]))
    }

    /// Hash of all samples: their tokens and targets, where they came from, which are held out.
    var samplesHash: UInt64 {
        let sections = bytes[SampleFileHeader.bytes..<header[.histogramsOffset]]
        return SampleFileHeader.hash(body: UnsafeRawBufferPointer(rebasing: sections))
    }

    /// Token ids that occur, ascending.
    var usedTokens: [Int32] {
        let words = section(
            .usedTokensOffset, (header[.vocabularySize] + 63) / 64, of: UInt64.self)
        return words.enumerated().flatMap { index, word in
            (0..<64).filter { word >> UInt64($0) & 1 == 1 }.map { Int32(64 * index + $0) }
        }
    }

    var notes: [UInt8] { Array(section(.notesOffset, header[.notesBytes], of: UInt8.self)) }
}
