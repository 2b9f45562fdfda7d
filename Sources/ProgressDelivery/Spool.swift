import Foundation

/// Records that no collector has acknowledged, in files, so that they outlive the job.
///
/// Only its sender's thread touches it. Memory holds one segment; the disk at most ``Limits/bytes``,
/// beyond which the oldest segments lose all but the records that must be kept. Where the disk refuses,
/// a few records wait in memory. A missing, damaged or thinned stretch shows as a jump in the
/// sequence, which ``next()`` tells with the entry that follows it.
final class Spool {
    struct Limits: Sendable {
        var bytes = 16 << 20
        var segmentBytes = 256 << 10
        /// Records that wait in memory where the disk refuses.
        var unspooled = 256
    }

    /// What ``next()`` gives: an entry, and the place of the last record before it that there is.
    struct Item {
        let entry: SpoolEntry
        let previous: SpoolEntry.Place
    }

    private let folder: String?
    private let limits: Limits
    private var segments: [SpoolSegment] = []
    /// Records that could not be written, behind all that were.
    private var unspooled: [SpoolEntry] = []
    private var appended = SpoolEntry.Place.start

    // Reading.
    private var loaded: (number: Int, entries: [SpoolEntry], index: Int)?
    private var unspooledIndex = 0
    private var delivered: SpoolEntry.Place?
    /// What was given out and not acknowledged, with the number of its segment; `nil`: from memory.
    private var inFlight: [(place: SpoolEntry.Place, segment: Int?)] = []
    private var acknowledged: SpoolEntry.Place?
    private(set) var troubles = 0

    /// - Parameter folder: Made if it does not exist; `nil` keeps everything in memory.
    init(folder: String?, limits: Limits = Limits()) {
        self.folder = folder
        self.limits = limits
        guard let folder else { return }
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        segments = names.compactMap { SpoolSegment(existing: $0, folder: folder) }
            .sorted { $0.number < $1.number }
        if let last = segments.last {
            appended = last.entries().last?.place ?? last.previous
        }
    }

    var isEmpty: Bool {
        inFlight.isEmpty && unspooledIndex == unspooled.count && !hasUnread
    }

    var inFlightCount: Int { inFlight.count }

    private var hasUnread: Bool {
        if let loaded, loaded.index < loaded.entries.count { return true }
        return segments.contains { segment in
            segment.number > loaded?.number ?? -1 && segment.bytes > SpoolSegment.headerBytes
        }
    }

    // MARK: Writing

    /// - Returns: `false` if there is no room now: the record was not taken.
    func append(_ entry: SpoolEntry) -> Bool {
        if unspooled.isEmpty, write(entry) {
            appended = entry.place
            return true
        }
        guard unspooled.count < limits.unspooled else { return false }
        unspooled.append(entry)
        appended = entry.place
        return true
    }

    private func write(_ entry: SpoolEntry) -> Bool {
        guard let folder else { return false }
        if segments.last.map({ $0.bytes >= limits.segmentBytes || $0.isThinned }) ?? true {
            guard
                let segment = SpoolSegment(
                    number: (segments.last?.number ?? 0) + 1, folder: folder, previous: appended)
            else {
                troubles += 1
                return false
            }
            segments.append(segment)
        }
        let last = segments.count - 1
        guard segments[last].append(entry, isDurable: entry.isKept) else {
            troubles += 1
            return false
        }
        if loaded?.number == segments[last].number { loaded?.entries.append(entry) }
        makeRoom()
        return true
    }

    /// Thins the oldest segments out until the rest fits.
    private func makeRoom() {
        var total = segments.reduce(0) { $0 + $1.bytes }
        var place = 0
        while total > limits.bytes, place < segments.count - 1 {
            if segments[place].isThinned {
                place += 1
                continue
            }
            let before = segments[place].bytes
            let isEmpty = segments[place].thin()
            total += segments[place].bytes - before
            // The header before it tells where the gap begins; one header is enough.
            if isEmpty, place > 0, segments[place - 1].bytes == SpoolSegment.headerBytes {
                segments[place].remove()
                segments.remove(at: place)
            } else {
                place += 1
            }
        }
    }

    // MARK: Reading

    /// The oldest record that was not given out since the start or the last ``rewind()``.
    func next() -> Item? {
        if let item = nextFromDisk() { return item }
        guard unspooledIndex < unspooled.count else { return nil }
        defer { unspooledIndex += 1 }
        return give(unspooled[unspooledIndex], segment: nil, header: appendedBeforeMemory)
    }

    private var appendedBeforeMemory: SpoolEntry.Place { delivered ?? acknowledged ?? .start }

    private func nextFromDisk() -> Item? {
        while true {
            if let loaded, loaded.index < loaded.entries.count {
                self.loaded?.index += 1
                let header =
                    segments.first { $0.number == loaded.number }?.previous ?? .start
                return give(loaded.entries[loaded.index], segment: loaded.number, header: header)
            }
            let after = loaded?.number ?? -1
            guard let segment = segments.first(where: { $0.number > after }) else { return nil }
            // A segment without entries still tells where a gap begins.
            if delivered == nil { delivered = acknowledged ?? segment.previous }
            loaded = (segment.number, segment.entries(), 0)
        }
    }

    private func give(_ entry: SpoolEntry, segment: Int?, header: SpoolEntry.Place) -> Item {
        let previous = delivered ?? header
        delivered = entry.place
        inFlight.append((entry.place, segment))
        return Item(entry: entry, previous: previous)
    }

    /// All that was given out and not acknowledged will be given out again.
    func rewind() {
        inFlight = []
        unspooledIndex = 0
        delivered = acknowledged
        loaded = nil
        guard let acknowledged, let first = segments.first else { return }
        let entries = first.entries()
        if let index = entries.firstIndex(where: { $0.place == acknowledged }) {
            loaded = (first.number, entries, index + 1)
        }
    }

    /// All of `place`'s epoch up to it has arrived; files that are no longer needed go.
    ///
    /// - Returns: How many records that were.
    func acknowledge(_ place: SpoolEntry.Place) -> Int {
        var count = 0
        for item in inFlight {
            guard item.place.epoch == place.epoch, item.place.sequence <= place.sequence else {
                break
            }
            acknowledged = item.place
            count += 1
        }
        let fromMemory = inFlight.prefix(count).filter { $0.segment == nil }.count
        inFlight.removeFirst(count)
        unspooled.removeFirst(fromMemory)
        unspooledIndex -= fromMemory
        let needed = inFlight.first?.segment ?? loaded?.number ?? -1
        while let first = segments.first, first.number < needed {
            first.remove()
            segments.removeFirst()
        }
        return count
    }

    /// Removes the files if nothing waits; otherwise they stay for the next job.
    func close() {
        guard isEmpty, let folder else { return }
        for segment in segments { segment.remove() }
        segments = []
        rmdir(folder)
    }
}
