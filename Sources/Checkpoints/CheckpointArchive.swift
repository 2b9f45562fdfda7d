import Faults
public import Files

/// A checkpoint as one run of bytes, on its way to another node; every byte is checked on arrival.
///
/// Layout: 8 bytes of magic; run ID, parent and document, each as a length (UInt64, little-endian) and
/// UTF-8 bytes; the step (UInt64); the number of files (UInt64) and for each its name and contents, as
/// lengths and bytes; the 64 hexadecimal digits of the manifest's SHA-256. An empty parent means none.
public struct CheckpointArchive: Sendable {
    public let runID: String
    public let step: Int
    public let parent: String?
    public let document: String
    public let files: [(name: String, bytes: [UInt8])]
    /// Of the checkpoint that it was made of; ``save(to:)`` compares.
    public let manifestSHA256: String

    private static let magic = Array("LORACKP1".utf8)

    public init(_ loaded: LoadedCheckpoint) {
        runID = loaded.runID
        step = loaded.step
        parent = loaded.parent
        document = loaded.document
        files = loaded.fileNames.map { ($0, loaded.files[$0] ?? []) }
        manifestSHA256 = loaded.manifestSHA256
    }

    public func encoded() -> [UInt8] {
        var bytes = Self.magic
        bytes.reserveCapacity(
            files.reduce(4096 + document.utf8.count) { $0 + $1.bytes.count + 160 })
        func number(_ value: Int) {
            withUnsafeBytes(of: UInt64(value).littleEndian) { bytes += $0 }
        }
        func field(_ value: some Collection<UInt8>) {
            number(value.count)
            bytes += value
        }
        field(runID.utf8)
        field((parent ?? "").utf8)
        field(document.utf8)
        number(step)
        number(files.count)
        for file in files {
            field(file.name.utf8)
            field(file.bytes)
        }
        return bytes + manifestSHA256.utf8
    }

    /// - Throws: Damage if `bytes` are not an archive as written.
    public init(bytes: [UInt8]) throws(FileError) {
        var reader = Reader(bytes: bytes)
        guard bytes.starts(with: Self.magic) else { throw Reader.damage }
        reader.position = Self.magic.count
        runID = try reader.text()
        let parent = try reader.text()
        self.parent = parent.isEmpty ? nil : parent
        document = try reader.text()
        step = try reader.number()
        var files: [(name: String, bytes: [UInt8])] = []
        // Each file takes 16 bytes and more, so the count cannot make us allocate.
        for _ in 0..<min(try reader.number(), bytes.count / 16 + 1) {
            files.append((try reader.text(), Array(try reader.field())))
        }
        self.files = files
        manifestSHA256 = String(decoding: bytes[reader.position...], as: UTF8.self)
        guard manifestSHA256.utf8.count == 64 else { throw Reader.damage }
    }

    /// Saves it as ``CheckpointStore/save(step:runID:parent:document:files:)`` does, unless a byte has
    /// changed on the way.
    public func save(to store: CheckpointStore) throws(FileError) -> SavedCheckpoint {
        let list = files.map { CheckpointFile(name: $0.name, bytes: $0.bytes) }
        return try store.save(
            step: step, runID: runID, parent: parent, document: document, files: list,
            expecting: manifestSHA256)
    }

    /// What it will be once it has been saved to `store`.
    public func loaded(in store: CheckpointStore) -> LoadedCheckpoint {
        LoadedCheckpoint(
            step: step, path: store.path(of: CheckpointStore.name(ofStep: step)), runID: runID,
            parent: parent, manifestSHA256: manifestSHA256, document: document,
            files: Dictionary(files.map { ($0.name, $0.bytes) }) { first, _ in first },
            fileNames: files.map(\.name))
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        static var damage: FileError {
            .damage("is not a checkpoint's archive, or is cut off", at: "a copy of a checkpoint")
        }

        mutating func number() throws(FileError) -> Int {
            guard bytes.count - position >= 8 else { throw Self.damage }
            let value = bytes[position..<position + 8].reversed().reduce(UInt64(0)) {
                $0 << 8 | UInt64($1)
            }
            position += 8
            guard let value = Int(exactly: value) else { throw Self.damage }
            return value
        }

        mutating func field() throws(FileError) -> ArraySlice<UInt8> {
            let count = try number()
            guard count <= bytes.count - position else { throw Self.damage }
            defer { position += count }
            return bytes[position..<position + count]
        }

        mutating func text() throws(FileError) -> String {
            guard let text = String(validating: try field(), as: UTF8.self) else {
                throw Self.damage
            }
            return text
        }
    }
}
