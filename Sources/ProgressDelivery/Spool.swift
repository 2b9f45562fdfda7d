import Foundation

/// Records that no collector has acknowledged, in files, so that they outlive the job.
///
/// Only its sender's thread touches it. Memory holds one segment; the disk at most ``Limits/bytes``,
/// beyond which the oldest segments lose all but the records that must be kept. Where the disk refuses,
/// a few records wait in memory until it takes them again. A missing, damaged or thinned stretch is a
/// ``Gap``, which ``next()`` gives with the entry that follows it.
package final class Spool {
    package struct Limits: Sendable {
        package var bytes: Int
        package var segmentBytes = 256 << 10
        /// Records that wait in memory where the disk refuses.
        package var unspooled = 256

        package init(bytes: Int = 16 << 20) {
            self.bytes = bytes
        }
    }

    /// Records of one job that are not there any more: those from ``first`` to ``last``.
    package struct Gap: Equatable {
        package let first: UInt64
        package let last: SpoolEntry.Place
    }

    /// What ``next()`` gives: an entry, and what is missing before it.
    package struct Item {
        package let gaps: [Gap]
        package let entry: SpoolEntry
    }

    private let folder: String?
    private let limits: Limits
    private var segments: [SpoolSegment] = []
    /// Records that could not be written, behind all that were.
    private var unspooled: [SpoolEntry] = []
    /// The record before the first of ``unspooled``.
    private var beforeUnspooled = SpoolEntry.Place.start
    /// Until the disk is asked again whether it takes them.
    private var appendsUntilRetry = 0
    /// How often the next segment could not be read.
    private var readingAttempts = 0
    private var appended = SpoolEntry.Place.start

    // Reading.
    private var loaded: (number: Int, entries: [SpoolEntry], index: Int)?
    private var unspooledIndex = 0
    /// Of the segments that were loaded since the last record was given out.
    private var headers: [SpoolEntry.Place] = []
    private var delivered: SpoolEntry.Place?
    /// What was given out and not acknowledged, with the number of its segment; `nil`: from memory.
    private var inFlight: [(place: SpoolEntry.Place, segment: Int?)] = []
    private var acknowledged: SpoolEntry.Place?
    /// How often the disk has refused.
    package private(set) var troubles = 0

    private static let appendsBetweenRetries = 64
    /// A segment that stays unreadable for longer is a gap.
    private static let mostReadingAttempts = 100

    /// - Parameter folder: Made if it does not exist; `nil` keeps everything in memory.
    package init(folder: String?, limits: Limits = Limits()) {
        self.folder = folder
        self.limits = limits
        guard let folder else { return }
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where SpoolSegment.isUnfinished(name) { unlink(folder + "/" + name) }
        segments = names.compactMap { SpoolSegment(existing: $0, folder: folder) }
            .sorted { $0.number < $1.number }
        if let last = segments.last {
            appended = last.entries()?.last?.place ?? last.previous ?? .start
        }
    }

    package var isEmpty: Bool {
        inFlight.isEmpty && unspooledIndex == unspooled.count && !hasUnread
    }

    package var inFlightCount: Int { inFlight.count }

    /// Whether files hold records that have not arrived.
    package var isLeftOnDisk: Bool { !isEmpty && segments.contains { $0.hasEntries } }

    private var hasUnread: Bool {
        if let loaded, loaded.index < loaded.entries.count { return true }
        return segments.contains { $0.number > loaded?.number ?? -1 && $0.hasEntries }
    }

    // MARK: Writing

    /// - Returns: `false` if there is no room now: the record was not taken.
    package func append(_ entry: SpoolEntry) -> Bool {
        if !unspooled.isEmpty {
            appendsUntilRetry -= 1
            if appendsUntilRetry <= 0 { moveToDisk() }
        }
        if unspooled.isEmpty, write(entry) {
            appended = entry.place
            return true
        }
        guard unspooled.count < limits.unspooled else { return false }
        if unspooled.isEmpty {
            appendsUntilRetry = Self.appendsBetweenRetries
            beforeUnspooled = appended
        }
        unspooled.append(entry)
        appended = entry.place
        return true
    }

    private func write(_ entry: SpoolEntry) -> Bool {
        guard folder != nil else { return false }
        let mayAppend =
            segments.last.map {
                !$0.isClosed && !$0.isThinned && $0.bytes < limits.segmentBytes
            } ?? false
        guard mayAppend || addSegment(after: appended) else { return false }
        let last = segments.count - 1
        guard segments[last].append(entry) else {
            troubles += 1
            return false
        }
        if loaded?.number == segments[last].number { loaded?.entries.append(entry) }
        makeRoom()
        return true
    }

    /// Makes what must be kept of all that was appended survive a power cut: once for many records.
    package func synchronize() {
        for index in segments.indices where segments[index].isUnsynchronized {
            if !segments[index].synchronize() { troubles += 1 }
        }
    }

    private func addSegment(after previous: SpoolEntry.Place) -> Bool {
        guard let folder,
            let segment = SpoolSegment(
                number: (segments.last?.number ?? 0) + 1, folder: folder, previous: previous)
        else {
            troubles += 1
            return false
        }
        segments.append(segment)
        return true
    }

    /// The disk gets what had to wait in memory, all or nothing.
    private func moveToDisk() {
        appendsUntilRetry = Self.appendsBetweenRetries
        guard folder != nil, addSegment(after: beforeUnspooled) else { return }
        let last = segments.count - 1
        for entry in unspooled where !segments[last].append(entry) {
            troubles += 1
            segments.removeLast().remove()
            return
        }
        // Whoever reads is in memory only once the disk has been read to its end.
        if unspooledIndex > 0 {
            loaded = (segments[last].number, unspooled, unspooledIndex)
            for index in inFlight.indices where inFlight[index].segment == nil {
                inFlight[index].segment = segments[last].number
            }
        }
        unspooled = []
        unspooledIndex = 0
        makeRoom()
    }

    /// Thins the oldest segments out until the rest fits.
    private func makeRoom() {
        var total = segments.reduce(0) { $0 + $1.bytes }
        var place = 0
        while total > limits.bytes, place < segments.count - 1 {
            let before = segments[place].bytes
            guard !segments[place].isThinned, segments[place].thin() else {
                place += 1
                continue
            }
            total += segments[place].bytes - before
            if isSuperfluous(place) {
                segments.remove(at: place).remove()
            } else {
                place += 1
            }
        }
    }

    /// Whether a segment tells nothing that its neighbours do not: they are empty too, and speak of the
    /// same job.
    private func isSuperfluous(_ place: Int) -> Bool {
        guard place > 0, !segments[place].hasEntries, !segments[place - 1].hasEntries,
            let own = segments[place].previous, let next = segments[place + 1].previous
        else { return false }
        return own.isOfSameJob(as: next)
    }

    // MARK: Reading

    /// The oldest record that was not given out since the start or the last ``rewind()``.
    package func next() -> Item? {
        if let item = nextFromDisk() { return item }
        guard !hasUnread, unspooledIndex < unspooled.count else { return nil }
        defer { unspooledIndex += 1 }
        return give(unspooled[unspooledIndex], segment: nil)
    }

    private func nextFromDisk() -> Item? {
        while true {
            if let loaded, loaded.index < loaded.entries.count {
                self.loaded?.index += 1
                return give(loaded.entries[loaded.index], segment: loaded.number)
            }
            let after = loaded?.number ?? -1
            guard let segment = segments.first(where: { $0.number > after }) else { return nil }
            let isGivenUp = readingAttempts >= Self.mostReadingAttempts
            guard let entries = isGivenUp ? [] : segment.entries() else {
                readingAttempts += 1
                return nil
            }
            readingAttempts = 0
            // A segment without entries still tells where a gap begins or ends.
            if let header = segment.previous {
                if delivered == nil { delivered = acknowledged ?? header }
                headers.append(header)
            }
            loaded = (segment.number, entries, 0)
        }
    }

    private func give(_ entry: SpoolEntry, segment: Int?) -> Item {
        let item = Item(gaps: gaps(before: entry.place), entry: entry)
        delivered = entry.place
        headers = []
        inFlight.append((entry.place, segment))
        return item
    }

    /// What is missing between the last record that was given out and this one: the ends of earlier jobs,
    /// of which the headers in between know, and the records of the same job.
    private func gaps(before place: SpoolEntry.Place) -> [Gap] {
        var gaps: [Gap] = []
        for (index, header) in headers.enumerated() where !header.isOfSameJob(as: place) {
            let isLast = index + 1 == headers.count || !headers[index + 1].isOfSameJob(as: header)
            if isLast { addGap(after: delivered, through: header, to: &gaps) }
        }
        if place.sequence > 0 {
            var before = place
            before.sequence -= 1
            addGap(after: delivered, through: before, to: &gaps)
        }
        return gaps
    }

    private func addGap(
        after delivered: SpoolEntry.Place?, through last: SpoolEntry.Place, to gaps: inout [Gap]
    ) {
        let isSame = delivered?.isOfSameJob(as: last) ?? false
        let known = isSame ? delivered?.sequence ?? 0 : 0
        if last.sequence > known { gaps.append(Gap(first: known + 1, last: last)) }
    }

    /// All that was given out and not acknowledged will be given out again.
    package func rewind() {
        inFlight = []
        unspooledIndex = 0
        headers = []
        delivered = acknowledged
        loaded = nil
        guard let acknowledged, let first = segments.first, let entries = first.entries(),
            let index = entries.firstIndex(where: { $0.place == acknowledged })
        else { return }
        loaded = (first.number, entries, index + 1)
    }

    /// All of `place`'s job up to it has arrived; files that are no longer needed go.
    ///
    /// - Returns: The records that were under way until now.
    package func acknowledge(_ place: SpoolEntry.Place) -> [SpoolEntry.Place] {
        let arrived = inFlight.map(\.place).prefix {
            $0.isOfSameJob(as: place) && $0.sequence <= place.sequence
        }
        let count = arrived.count
        guard let last = arrived.last else { return [] }
        acknowledged = last
        let fromMemory = inFlight.prefix(count).filter { $0.segment == nil }.count
        inFlight.removeFirst(count)
        if fromMemory > 0 { beforeUnspooled = unspooled[fromMemory - 1].place }
        unspooled.removeFirst(fromMemory)
        unspooledIndex -= fromMemory
        let needed = inFlight.first?.segment ?? loaded?.number ?? -1
        while let first = segments.first, first.number < needed {
            first.remove()
            segments.removeFirst()
        }
        return Array(arrived)
    }

    /// Removes the files if nothing waits; otherwise they stay for the next job.
    package func close() {
        if !unspooled.isEmpty { moveToDisk() }
        synchronize()
        guard isEmpty, let folder else { return }
        for segment in segments { segment.remove() }
        segments = []
        rmdir(folder)
    }
}
