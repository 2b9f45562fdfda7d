import Datasets
import Faults
import Foundation
import ModelFiles
import Slices
import TestSupport
import Testing

/// The cache of tokenized data: whatever happened to its files, the samples are the same.
@Suite struct SampleCacheTests {
    static let model = Programs.fixture("tiny-llama")
    static let data = model + "/train.jsonl"

    static func load(_ cache: SampleCache?) throws -> LoadedDataset {
        let recipe = try SampleRecipe(model: try BaseModel.open(path: model), maxLength: 64)
        return try loadDataset(path: data, recipe: recipe, cache: cache)
    }

    /// The one samples file of a folder.
    static func file(in folder: String) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".samples") }
        try #require(names.count == 1, "\(names)")
        return folder + "/" + names[0]
    }

    private func expect(
        _ dataset: LoadedDataset, _ origin: SampleOrigin, sameAs reference: LoadedDataset,
        _ comment: Comment
    ) {
        #expect(dataset.origin == origin, comment)
        #expect(dataset.samples.tokens == reference.samples.tokens, comment)
        #expect(dataset.samples.isTarget == reference.samples.isTarget, comment)
    }

    @Test func aFileIsMadeOnceAndFoundAgain() throws {
        try Programs.withScratchFolder { folder in
            let reference = try Self.load(nil)
            expect(reference, .unsaved, sameAs: reference, "without a cache")
            let cache = SampleCache(folder: folder)
            expect(try Self.load(cache), .made, sameAs: reference, "first")
            expect(try Self.load(cache), .mapped, sameAs: reference, "second")
            #expect(cache.contents().files == 1)
            #expect(try cache.clear() > 0)
            expect(try Self.load(cache), .made, sameAs: reference, "after clearing")
        }
    }

    /// One byte changed anywhere that means something, and every length that a torn write leaves.
    @Test func damagedFilesAreMadeAgain() throws {
        try Programs.withScratchFolder { folder in
            let cache = SampleCache(folder: folder)
            let reference = try Self.load(cache)
            let path = try Self.file(in: folder)
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            let headerNumbers = stride(from: 0, to: 23 * 8, by: 3)
            let body = stride(from: 4096, to: whole.count, by: 61)
            for position in Array(headerNumbers) + Array(body) {
                var altered = whole
                altered[position] ^= 1 << UInt8(position % 8)
                try altered.write(to: URL(fileURLWithPath: path))
                expect(try Self.load(cache), .remade, sameAs: reference, "byte \(position)")
            }
            for length in [0, 1, 100, 4095, 4096, 5000, whole.count - 64, whole.count - 1] {
                try whole.prefix(length).write(to: URL(fileURLWithPath: path))
                expect(try Self.load(cache), .remade, sameAs: reference, "\(length) bytes")
            }
            try (whole + [0]).write(to: URL(fileURLWithPath: path))
            expect(try Self.load(cache), .remade, sameAs: reference, "one byte more")
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == whole)
        }
    }

    /// What is no file is refused by its name, or replaced; nothing waits for a FIFO's writer.
    @Test(.timeLimit(.minutes(10)), arguments: ["folder", "fifo", "link to nothing"])
    func strangeThingsInItsPlace(_ kind: String) throws {
        try Programs.withScratchFolder { folder in
            let cache = SampleCache(folder: folder)
            let reference = try Self.load(cache)
            let path = try Self.file(in: folder)
            unlink(path)
            switch kind {
            case "folder": mkdir(path, 0o700)
            case "fifo": mkfifo(path, 0o600)
            default: symlink("/nonexistent", path)
            }
            do {
                expect(
                    try Self.load(cache), kind == "fifo" ? .remade : .made, sameAs: reference, "")
            } catch let error as DatasetError {
                #expect(error.location == path)
                #expect(error.exitCode == .badInput)
            }
        }
    }

    @Test func aFolderThatCannotBeUsedIsNamed() throws {
        try Programs.withScratchFolder { folder in
            try Data().write(to: URL(fileURLWithPath: folder + "/file"))
            let wanted = folder + "/file/cache"
            let error = #expect(throws: DatasetError.self) {
                try Self.load(SampleCache(folder: wanted))
            }
            #expect(error?.location?.hasPrefix(wanted) == true)
            #expect(error?.exitCode == .badInput)
        }
    }

    /// A holder of the lock that gives no sign of life is given up, by name, within the time given.
    @Test(.timeLimit(.minutes(10)))
    func aSilentHolderOfTheLockIsGivenUp() throws {
        try Programs.withScratchFolder { folder in
            _ = try Self.load(SampleCache(folder: folder))
            let path = try Self.file(in: folder)
            unlink(path)
            let name = URL(fileURLWithPath: path).lastPathComponent.dropLast(".samples".count)
            let lock = "\(folder)/.\(name).lock"
            let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            defer { close(descriptor) }
            try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
            let error = #expect(throws: DatasetError.self) {
                try Self.load(SampleCache(folder: folder, patienceSeconds: 0.5))
            }
            #expect(error?.location == lock)
            #expect(error?.exitCode == .tryAgain)
        }
    }

    /// XXH64 of a plain text with seed 1, by which records are held out and duplicates told.
    ///
    /// Values by Python's xxhash 4.1.0 (xxHash 0.8.4): `xxh64_intdigest(text, seed=1)`.
    @Test func hashesAreXXH64() throws {
        let known: [(text: String, hash: UInt64)] = [
            ("a", 0xdec2_bc81_c3cd_46c6),
            ("hello", 0x23dd_71cb_04d0_a1b2),
            ("0123456789abcdefghijklmnopqrstuv", 0x00ba_2405_4523_56f1),
            ("0123456789abcdefghijklmnopqrstuvwxyz", 0x0c29_e619_dc6c_6987),
            (String(repeating: "x", count: 100) + "yz\u{e9}", 0x959b_4c69_ac2a_d1d2),
        ]
        let dataset = try DataFile.load(
            known.map { "{\"text\": \"\($0.text)\"}\n" }.joined(), format: .text)
        #expect((0..<known.count).map { dataset.samples.contentHash($0) } == known.map(\.hash))
    }
}
