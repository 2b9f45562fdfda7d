import Files
import Foundation
import Tensors
import Words

/// A GGUF model in one file, or in the parts that llama.cpp splits one into.
///
/// Any part stands for all: its siblings lie beside it, `NAME-00002-of-00003.gguf`. The first holds
/// the metadata; tensors lie in all of them.
/// Source: llama.cpp `tools/gguf-split` and `llama-model-loader.cpp`.
struct GGUFParts {
    /// Path as it was given.
    let path: String
    /// The files in the order of their numbers.
    let parts: [GGUFFile]
    /// Tensors of all parts, in their order.
    let entries: [GGUFFile.Entry]

    /// Position in `parts` of each tensor's file.
    private let positions: [String: Int]

    /// The key-value section of the first part.
    var metadata: [String: GGUFValue] { parts[0].metadata }

    init(path: String) throws(ModelFileError) {
        let given = try GGUFFile(path: path)
        let count = try Self.number("split.count", given) ?? 1
        parts = count > 1 ? try Self.siblings(of: given, count: count) : [given]
        self.path = path
        entries = parts.flatMap(\.entries)
        var positions: [String: Int] = [:]
        for (index, part) in parts.enumerated() {
            for entry in part.entries {
                guard positions.updateValue(index, forKey: entry.name) == nil else {
                    throw ModelFileError(
                        "stands in another part too", file: part.file.path,
                        part: "tensor \(entry.name.quoted)")
                }
            }
        }
        self.positions = positions
        if let told = try Self.number("split.tensors.count", given), told != entries.count {
            throw ModelFileError(
                "says \(told), but the \(parts.count) parts have \(entries.count)", file: path,
                part: "metadata key 'split.tensors.count'", hint: Self.advice)
        }
    }

    /// The table's row for `name`, or `nil`.
    func entry(_ name: String) -> GGUFFile.Entry? {
        positions[name].flatMap { parts[$0].entry(name) }
    }

    /// The tensor that the files call `name`.
    ///
    /// - Throws: ``ModelFileError`` as ``GGUFFile/tensor(_:)``.
    func tensor(_ name: String) throws(ModelFileError) -> StoredTensor {
        try parts[positions[name] ?? 0].tensor(name)
    }

    private static let advice =
        "Put all parts of one model into one folder, under the names that llama-gguf-split gave them"

    private static func number(
        _ key: String, _ file: GGUFFile
    ) throws(ModelFileError) -> Int? {
        switch file.metadata[key] {
        case nil: return nil
        case .integer(let number) where (0...Int64(Int32.max)).contains(number):
            return Int(number)
        case let other?:
            throw ModelFileError(
                "is \(other.shown), but must be a whole number from 0 on", file: file.file.path,
                part: "metadata key \(key.quoted)")
        }
    }

    private static func siblings(
        of given: GGUFFile, count: Int
    ) throws(ModelFileError) -> [GGUFFile] {
        let path = given.file.path
        let position = try number("split.no", given) ?? 0
        let ending = ending(position, of: count)
        guard count <= 99_999, position < count, path.hasSuffix(ending) else {
            throw ModelFileError(
                "is part \(position + 1) of \(count) of a model, but its name does not end in "
                    + ending, file: path, hint: advice)
        }
        let stem = String(path.dropLast(ending.count))
        var parts: [GGUFFile] = []
        for index in 0..<count {
            let sibling = stem + self.ending(index, of: count)
            guard index != position else {
                parts.append(given)
                continue
            }
            guard access(sibling, F_OK) == 0 else {
                throw ModelFileError(
                    "is missing: part \(index + 1) of the \(count) to which \(path) belongs",
                    file: sibling, hint: advice)
            }
            let part = try GGUFFile(path: sibling)
            guard try number("split.no", part) == index, try number("split.count", part) == count
            else {
                throw ModelFileError(
                    "does not say that it is part \(index + 1) of \(count), as its name does",
                    file: sibling, hint: advice)
            }
            parts.append(part)
        }
        return parts
    }

    /// `-00001-of-00003.gguf`.
    private static func ending(_ index: Int, of count: Int) -> String {
        func padded(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        }
        return "-\(padded(index + 1))-of-\(padded(count)).gguf"
    }
}
