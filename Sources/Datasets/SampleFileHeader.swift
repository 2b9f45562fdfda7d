import Foundation

/// The first page of a samples file: what it holds, where, and checksums of all of it.
///
/// Numbers are 64-bit, little-endian. The sections follow, each at a multiple of 64 bytes: tokens
/// (16 or 32 bits each), entries of the training samples, entries of those held out, runs of
/// targets, six histograms of lengths, one bit a token id that occurs, notes (JSON).
struct SampleFileHeader: Equatable {
    enum Field: Int, CaseIterable {
        case magic, version, tokenBytes, tokenCount, runCount, trainingCount, heldOutCount
        case vocabularySize, histogramLength
        case entriesOffset, heldOutOffset, runsOffset, histogramsOffset, usedTokensOffset
        case notesOffset, notesBytes, fileBytes, bodyHash
        case key0, key1, key2, key3, headerHash
    }

    static let bytes = 4096
    static let magic: UInt64 = 0x3130_534C_504D_4153  // "SAMPLS01"
    static let version: UInt64 = 1

    private var numbers = [UInt64](repeating: 0, count: Field.allCases.count)

    init() {
        numbers[Field.magic.rawValue] = Self.magic
        numbers[Field.version.rawValue] = Self.version
    }

    subscript(field: Field) -> Int {
        get { Int(clamping: numbers[field.rawValue]) }
        set { numbers[field.rawValue] = UInt64(newValue) }
    }

    var bodyHash: UInt64 {
        get { numbers[Field.bodyHash.rawValue] }
        set { numbers[Field.bodyHash.rawValue] = newValue }
    }

    /// 32 bytes that tell the file's source and recipe.
    var key: [UInt64] {
        get { Array(numbers[Field.key0.rawValue...Field.key3.rawValue]) }
        set { numbers.replaceSubrange(Field.key0.rawValue...Field.key3.rawValue, with: newValue) }
    }

    /// The page as it stands in the file.
    func encoded() -> [UInt8] {
        var numbers = numbers
        numbers[Field.headerHash.rawValue] = Self.hash(numbers)
        var page = numbers.withUnsafeBytes { [UInt8]($0) }
        page += [UInt8](repeating: 0, count: Self.bytes - page.count)
        return page
    }

    /// `nil` unless the page is whole and of this version.
    init?(_ page: UnsafeRawBufferPointer) {
        guard page.count >= Self.bytes else { return nil }
        for index in numbers.indices {
            numbers[index] = page.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
        }
        guard numbers[Field.magic.rawValue] == Self.magic,
            numbers[Field.version.rawValue] == Self.version,
            numbers[Field.headerHash.rawValue] == Self.hash(numbers)
        else { return nil }
    }

    private static func hash(_ numbers: [UInt64]) -> UInt64 {
        numbers.dropLast().withUnsafeBytes { ContentHash.hash($0) }
    }

    /// Hash of all that follows the header, piece by piece on all cores.
    static func hash(body: UnsafeRawBufferPointer) -> UInt64 {
        let piece = 4 << 20
        let count = (body.count + piece - 1) / piece
        var hashes = [UInt64](repeating: 0, count: count)
        hashes.withUnsafeMutableBufferPointer { hashes in
            nonisolated(unsafe) let hashes = hashes
            nonisolated(unsafe) let body = body
            DispatchQueue.concurrentPerform(iterations: count) { index in
                let range = index * piece..<min((index + 1) * piece, body.count)
                hashes[index] = ContentHash.hash(UnsafeRawBufferPointer(rebasing: body[range]))
            }
        }
        return hashes.withUnsafeBytes { ContentHash.hash($0, seed: UInt64(body.count)) }
    }
}
