/// Byte strings with a number each: a hash table over one arena, so that neither keeping nor
/// finding a string allocates.
///
/// Open addressing with linear probing; the seeded hash keeps hostile input from piling up.
struct ByteStringTable: Sendable {
    private struct Entry {
        var start: Int
        var length: Int
        var hash: Int
        var value: Int32
    }

    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    /// Indices of `entries`, -1 where free; the count is a power of two, at most half in use.
    private var slots: [Int32]

    init(minimumCapacity: Int) {
        var slotCount = 64
        while slotCount < 2 * minimumCapacity { slotCount *= 2 }
        slots = Array(repeating: -1, count: slotCount)
        entries.reserveCapacity(minimumCapacity)
    }

    var count: Int { entries.count }

    /// The number kept for the bytes in `range`, `nil` if they are not in the table.
    func value(of bytes: [UInt8], _ range: Range<Int>) -> Int32? {
        let slot = slot(of: bytes, range, hash: hash(bytes, range))
        return slots[slot] < 0 ? nil : entries[Int(slots[slot])].value
    }

    func value(of text: some StringProtocol) -> Int32? {
        let bytes = Array(text.utf8)
        return value(of: bytes, 0..<bytes.count)
    }

    /// Keeps `value` for the bytes in `range`.
    ///
    /// - Returns: Whether the bytes are new. If they are not, the first value stays.
    @discardableResult
    mutating func insert(_ bytes: [UInt8], _ range: Range<Int>, value: Int32) -> Bool {
        let hash = hash(bytes, range)
        let slot = slot(of: bytes, range, hash: hash)
        guard slots[slot] < 0 else { return false }
        slots[slot] = Int32(entries.count)
        entries.append(
            Entry(start: arena.count, length: range.count, hash: hash, value: value))
        arena.append(contentsOf: bytes[range])
        if 2 * entries.count > slots.count { grow() }
        return true
    }

    mutating func removeAll() {
        arena.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = -1 }
    }

    private func hash(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
        var hasher = Hasher()
        bytes[range].withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    /// The slot that holds the bytes, or the free one where they belong.
    private func slot(of bytes: [UInt8], _ range: Range<Int>, hash: Int) -> Int {
        var slot = hash & (slots.count - 1)
        while slots[slot] >= 0 {
            let entry = entries[Int(slots[slot])]
            if entry.hash == hash, entry.length == range.count,
                equal(at: entry.start, bytes, range)
            {
                return slot
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private func equal(at start: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        for offset in 0..<range.count
        where arena[start + offset] != bytes[range.lowerBound + offset] {
            return false
        }
        return true
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: 2 * slots.count)
        for (index, entry) in entries.enumerated() {
            var slot = entry.hash & (slots.count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(index)
        }
    }
}
