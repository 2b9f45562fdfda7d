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
        guard Self.write(header, to: path, flags: O_CREAT | O_EXCL) else {
            // Otherwise the name would be taken for ever.
            unlink(path)
            return nil
        }
        Self.synchronize(folder: folder)
    }

    /// Takes a file that an earlier job left; `nil` if it is none of ours.
    init?(existing name: String, folder: String) {
        guard let number = Self.number(of: name) else { return nil }
        self.number = number
        path = folder + "/" + name
        isClosed = true
        // What cannot be read now may be readable later.
        let content = Self.read(path)
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
        Self.read(path).map { SpoolEntry.decode(Self.parts($0).entries) }
    }

    /// Whether it has entries that must survive a power cut, and may not yet.
    private(set) var isUnsynchronized = false

    /// - Returns: Whether it was written whole; otherwise nothing was.
    mutating func append(_ entry: SpoolEntry) -> Bool {
        let added = entry.encoded()
        guard Self.write(added, to: path, flags: O_APPEND, size: bytes) else {
            return false
        }
        bytes += added.count
        if entry.isKept { isUnsynchronized = true }
        return true
    }

    /// Makes what was appended survive a power cut.
    mutating func synchronize() -> Bool {
        isUnsynchronized = false
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    /// Leaves only the entries that must be kept; the others show as a gap.
    ///
    /// - Returns: Whether that succeeded; otherwise the file is as it was.
    mutating func thin() -> Bool {
        guard let previous, let entries = entries() else { return false }
        let content = Self.header(previous) + entries.filter(\.isKept).flatMap { $0.encoded() }
        let temporary = path + Self.unfinishedSuffix
        unlink(temporary)
        guard
            Self.write(content, to: temporary, flags: O_CREAT | O_EXCL, isDurable: true),
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

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        var content = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < content.count {
            let count = content.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
            }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            filled += count
        }
        return Array(content.prefix(filled))
    }

    /// Writes all or, going by the file's `size` before, nothing; to be durable it must be synced too.
    private static func write(
        _ bytes: [UInt8], to path: String, flags: Int32, isDurable: Bool = false, size: Int = 0
    ) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | flags, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let written = bytes.withUnsafeBytes {
            Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        guard written == bytes.count else {
            _ = ftruncate(descriptor, off_t(size))
            return false
        }
        return !isDurable || fsync(descriptor) == 0
    }

    /// A new name survives a power cut.
    private static func synchronize(folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
