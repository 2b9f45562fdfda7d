import Datasets
import Foundation
import JSON
import Training
import Words

extension DataReport {
    /// Tables, a histogram and one sample.
    func text(sample number: Int) -> String {
        var parts = files.map { table($0) }
        if files.count > 1 { parts.append(totals) }
        parts.append("Tokens a sample\n" + histogram)
        parts.append(shownSample(number))
        let kept = SampleCache(folder: cacheFolder).contents()
        parts.append(
            "Cache \(cacheFolder.printable): \(kept.files) \(kept.files == 1 ? "file" : "files"), \(kept.bytes.shownBytes)"
        )
        return parts.joined(separator: "\n\n")
    }

    private func table(_ file: File) -> String {
        var table = TextTable()
        func row(_ label: String, _ value: String) { table.add(["  " + label, value]) }
        row("format", file.format)
        row("records", file.records.grouped)
        row("samples", file.samples.grouped)
        if file.heldOut > 0 { row("held out", file.heldOut.grouped) }
        if file.badLines > 0 { row("bad lines", "\(file.badLines.grouped) skipped") }
        for line in file.firstBadLines { row("", "line \(line.line) \(line.reason.printable)") }
        if file.withoutTarget > 0 {
            row("without target", "\(file.withoutTarget.grouped) records left out")
        }
        if file.emptyAnswers > 0 {
            row("empty answers", "\(file.emptyAnswers.grouped) records, which teach to say nothing")
        }
        if file.withoutEnd > 0 {
            row(
                "no end token",
                "\(file.withoutEnd.grouped) samples: the template writes none behind the last answer"
            )
        }
        if file.splitConversations > 0 {
            row(
                "split",
                "\(file.splitConversations.grouped) conversations, a sample for each answer: the "
                    + "template changes earlier turns")
        }
        if !file.unusedKeys.isEmpty {
            row("not used", file.unusedKeys.map(\.printable).joined(separator: ", "))
        }
        if file.truncated > 0 {
            row("truncated", "\(file.truncated.grouped) samples at \(maxLength) tokens")
        }
        row("tokens", "\(file.tokens.grouped), of which \(file.targetTokens.grouped) are targets")
        row("weight", "\(file.weight)")
        row(
            "an epoch",
            "\(file.visits.grouped) visits, \(file.tokensPerEpoch.shown(decimals: 0)) tokens")
        row("tokenized", "\(Self.words(file.origin)), \(file.mappedBytes.shownBytes)")
        if let remark = file.remark { row("note", remark.printable) }
        return file.path.printable + "\n" + table.alignedLeft.text
    }

    private static func words(_ origin: SampleOrigin) -> String {
        switch origin {
        case .mapped: "before, and found in the cache"
        case .made: "now, and kept in the cache"
        case .remade: "again: the file in the cache was damaged"
        case .unsaved: "now, and not kept"
        }
    }

    private var totals: String {
        let samples = files.reduce(0) { $0 + $1.samples }
        let visits = files.reduce(0) { $0 + $1.visits }
        let tokens = files.reduce(0) { $0 + $1.tokensPerEpoch }
        return "All files: \(samples.grouped) samples; an epoch has \(visits.grouped) visits and "
            + "\(tokens.shown(decimals: 0)) tokens"
    }

    private var histogram: String {
        let longest = lengths.count - 1
        let bins = 12
        let width = max(1, (longest + bins) / bins)
        var counts = [Int](repeating: 0, count: longest / width + 1)
        for (length, count) in lengths.enumerated() { counts[length / width] += count }
        let first = counts.firstIndex { $0 > 0 } ?? 0
        let most = max(1, counts.max() ?? 1)
        var table = TextTable()
        for (bin, count) in counts.enumerated().dropFirst(first) {
            // The smallest bar says that there are some.
            let cells = count == 0 ? 0 : max(1, 40 * count / most)
            table.add([
                "  \(bin * width)-\(min((bin + 1) * width - 1, longest))", count.grouped,
                String(repeating: "#", count: cells),
            ])
        }
        let same = duplicates.map {
            $0 > 0 ? "\n  \($0.grouped) samples have the same texts as another one" : ""
        }
        return table.alignedLeft.text + (same ?? "")
    }

    private func shownSample(_ number: Int) -> String {
        let sample = sample(number)
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let text = sample.passages.map { passage in
            let shown = passage.text.shownWithLines
            guard passage.isTarget else {
                return isTerminal ? "\u{1B}[36m\(shown)\u{1B}[0m" : shown
            }
            return isTerminal ? "\u{1B}[1;32m\(shown)\u{1B}[0m" : "[[\(shown)]]"
        }.joined()
        return "Sample \(number): record \(sample.row), \(sample.tokens) tokens\n" + text
    }

    /// One JSON object.
    var json: String {
        var object = JSONObject()
        object.set("samples", sampleCount)
        object.set("max_length", maxLength)
        if let duplicates { object.set("duplicates", duplicates) }
        object.set(
            "files",
            files.map { file in
                var member = JSONObject()
                member.set("path", file.path)
                member.set("format", file.format)
                member.set("records", file.records)
                member.set("samples", file.samples)
                member.set("held_out", file.heldOut)
                member.set("bad_lines_skipped", file.badLines)
                member.set("without_target", file.withoutTarget)
                member.set("truncated", file.truncated)
                member.set("empty_answers", file.emptyAnswers)
                member.set("without_end_token", file.withoutEnd)
                member.set("split_conversations", file.splitConversations)
                member.set("not_used", file.unusedKeys)
                member.set("tokens", file.tokens)
                member.set("target_tokens", file.targetTokens)
                member.set("weight", file.weight)
                member.set("visits_per_epoch", file.visits)
                member.set("tokenized", file.origin.rawValue)
                return member
            })
        return object.line
    }
}

extension String {
    /// Without control characters but line feeds and tabs.
    fileprivate var shownWithLines: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false)
                .map { String($0).printable }.joined(separator: "\t")
        }.joined(separator: "\n")
    }
}
