import Glibc

/// One file of a ``Spool``: a header (what it is, and the place of the last record before it) and entries.
struct SpoolSegment {
    let number: Int
    let path: String
    /// The last record that was spooled before the first of this segment.
    let previous: SpoolEntry.Place
    var bytes: Int
    /// Whether only records that must be kept are left.
    var isThinned = false

    private static let magic = Array("LORASPL1".utf8)
    static let headerBytes = 24
    private static let suffix = ".records"

    /// Makes the file.
    init?(number: Int, folder: String, previous: SpoolEntry.Place) {
        self.number = number
        self.previous = previous
        let digits = String(number)
        path =
            folder + "/" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
            + Self.suffix
        bytes = Self.headerBytes
        guard Self.write(Self.header(previous), to: path, flags: O_CREAT | O_EXCL) else {
            return nil
        }
    }

    /// Takes a file that an earlier job left; `nil` if it is not one of ours or cannot be read.
    init?(existing name: String, folder: String) {
        guard name.hasSuffix(Self.suffix), let number = Int(name.dropLast(Self.suffix.count))
        else { return nil }
        self.number = number
        path = folder + "/" + name
        guard let content = Self.read(path), content.count >= Self.headerBytes,
            Array(content.prefix(8)) == Self.magic
        else { return nil }
        previous = SpoolEntry.Place(
            epoch: integer(content[8..<16]), sequence: integer(content[16..<24]))
        bytes = content.count
    }

    /// The whole entries of the file; one that is damaged ends the list.
    func entries() -> [SpoolEntry] {
        SpoolEntry.decode((Self.read(path) ?? []).dropFirst(Self.headerBytes))
    }

    /// - Parameter isDurable: Whether it must survive a power cut.
    /// - Returns: Whether it was written whole; otherwise nothing was.
    mutating func append(_ entry: SpoolEntry, isDurable: Bool) -> Bool {
        let added = entry.encoded()
        guard Self.write(added, to: path, flags: O_APPEND, isDurable: isDurable, size: bytes)
        else { return false }
        bytes += added.count
        return true
    }

    /// Leaves only the entries that must be kept; the others show as a gap.
    ///
    /// - Returns: Whether none is left.
    mutating func thin() -> Bool {
        let kept = entries().filter(\.isKept)
        let content = Self.header(previous) + kept.flatMap { $0.encoded() }
        let temporary = path + ".new"
        unlink(temporary)
        isThinned = true
        guard Self.write(content, to: temporary, flags: O_CREAT | O_EXCL),
            rename(temporary, path) == 0
        else {
            unlink(temporary)
            return false
        }
        bytes = content.count
        return kept.isEmpty
    }

    func remove() { unlink(path) }

    private static func header(_ previous: SpoolEntry.Place) -> [UInt8] {
        magic + bigEndian(previous.epoch) + bigEndian(previous.sequence)
    }

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
            count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
        }
    }

    /// Writes all or, going by the file's `size` before, nothing.
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
}
