import Files
import Glibc

/// One file of a ``Spool``: a header (what it is, and the place of the last record before it) and entries.
struct SpoolSegment {
    let number: Int
    let path: String
    /// The last record that was spooled before the first of this segment; `nil` if the header is damaged.
    let previous: SpoolEntry.Place?
    var bytes: Int
    /// Whether only records that must be kept are left.
    private(set) var isThinned = false
    /// Nothing is appended any more: what an earlier job left may end in half an entry.
    let isClosed: Bool

    private static let magic = Array("LORASPL2".utf8)
    private static let suffix = ".records"
    private static let unfinishedSuffix = ".new"
    /// File numbers have so many digits at most.
    private static let digits = 12

    /// Makes the file.
    init?(number: Int, folder: String, previous: SpoolEntry.Place) {
        self.number = number
        self.previous = previous
        isClosed = false
        let digits = String(number)
        path =
            folder + "/" + String(repeating: "0", count: max(0, Self.digits - digits.count))
            + digits + Self.suffix
        let header = Self.header(previous)
        bytes = header.count
        do throws(FileError) {
            try AppendedFile(path: path, existence: .refused, permissions: 0o600).append(header)
        } catch {
            // Otherwise the name would be taken for ever.
            unlink(path)
            return nil
        }
        try? DurableFiles.synchronize(folder: folder)
    }

    /// Takes a file that an earlier job left; `nil` if it is none of ours.
    init?(existing name: String, folder: String) {
        guard let number = Self.number(of: name) else { return nil }
        self.number = number
        path = folder + "/" + name
        isClosed = true
        // What cannot be read now may be readable later.
        let content = Self.contents(path)
        previous = content.flatMap { Self.parts($0).previous }
        bytes = content?.count ?? 0
    }

    /// Whether it is what a job that was killed in ``thin()`` left: the segment itself is whole.
    static func isUnfinished(_ name: String) -> Bool {
        name.hasSuffix(unfinishedSuffix)
            && number(of: String(name.dropLast(unfinishedSuffix.count))) != nil
    }

    private static func number(of name: String) -> Int? {
        let digits = name.dropLast(suffix.count)
        guard name.hasSuffix(suffix), digits.utf8.count <= Self.digits else { return nil }
        return Int(digits).flatMap { $0 >= 0 ? $0 : nil }
    }

    /// Whether there are bytes behind the header, readable or not.
    var hasEntries: Bool {
        previous.map { bytes > Self.header($0).count } ?? true
    }

    /// The whole entries of the file, up to one that is damaged; `nil` if it cannot be read now.
    func entries() -> [SpoolEntry]? {
        Self.contents(path).map { SpoolEntry.decode(Self.parts($0).entries) }
    }

    /// Whether it has entries that must survive a power cut, and may not yet.
    private(set) var isUnsynchronized = false

    /// - Returns: Whether it was written whole; otherwise nothing was.
    mutating func append(_ entry: SpoolEntry) -> Bool {
        let added = entry.encoded()
        guard (try? appended.append(added)) != nil else { return false }
        bytes += added.count
        if entry.isKept { isUnsynchronized = true }
        return true
    }

    /// Makes what was appended survive a power cut.
    mutating func synchronize() -> Bool {
        isUnsynchronized = false
        return (try? appended.synchronize()) != nil
    }

    /// Leaves only the entries that must be kept; the others show as a gap.
    ///
    /// - Returns: Whether that succeeded; otherwise the file is as it was.
    mutating func thin() -> Bool {
        guard let previous, let entries = entries() else { return false }
        let content = Self.header(previous) + entries.filter(\.isKept).flatMap { $0.encoded() }
        let temporary = path + Self.unfinishedSuffix
        unlink(temporary)
        guard (try? DurableFiles.create(temporary, with: content, permissions: 0o600)) != nil,
            rename(temporary, path) == 0
        else {
            unlink(temporary)
            return false
        }
        isThinned = true
        bytes = content.count
        return true
    }

    func remove() { unlink(path) }

    // MARK: Bytes

    private static func header(_ previous: SpoolEntry.Place) -> [UInt8] {
        magic + SpoolChecksum.sealed(previous.encoded())
    }

    private static func parts(
        _ content: [UInt8]
    ) -> (previous: SpoolEntry.Place?, entries: ArraySlice<UInt8>) {
        guard content.starts(with: magic) else { return (nil, []) }
        var rest = content.dropFirst(magic.count)
        switch SpoolChecksum.unseal(&rest) {
        case .body(var place)?: return (SpoolEntry.Place(decoding: &place), rest)
        case .damaged?: return (nil, rest)
        case nil: return (nil, [])
        }
    }

    private static func contents(_ path: String) -> [UInt8]? {
        try? Descriptor.reading(path).contents()
    }

    /// Opened for each record: a spool may have many segments, and what an earlier job left is closed.
    private var appended: AppendedFile {
        get throws(FileError) {
            try AppendedFile(path: path, existence: .required)
        }
    }
}
