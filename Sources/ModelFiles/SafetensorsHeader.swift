import Files
import JSON
import Words

/// The JSON header of a safetensors file, checked against the size of the file.
///
/// The rules are those of the format's reference reader: a header of at most 100 MB that begins
/// with `{`; tensors that fill the rest of the file without holes or overlaps.
/// Source: huggingface/safetensors, `README.md` ("Format") and `tensor.rs` (`validate`).
enum SafetensorsHeader {
    /// Length of the header, eight bytes before it.
    static let prefixBytes = 8
    static let longestHeaderBytes = 100_000_000

    /// What the file says, the tensors in the order of their bytes.
    struct Content {
        let entries: [SafetensorsFile.Entry]
        let metadata: [String: String]
    }

    static func read(_ file: MappedFile) throws(ModelFileError) -> Content {
        let headerEnd = try headerEnd(file)
        let header = UnsafeRawBufferPointer(rebasing: file.bytes[prefixBytes..<headerEnd])
        guard header.first == UInt8(ascii: "{"),
            case .object(let members) = try JSONValue.parse(header, path: file.path)
        else {
            throw ModelFileError(
                "the header is no JSON object", file: file.path,
                hint: "Is it a safetensors file?")
        }
        var metadata: [String: String] = [:]
        var entries: [SafetensorsFile.Entry] = []
        for name in members.keys {
            guard let value = members[name] else { continue }
            if name == "__metadata__" {
                metadata = try self.metadata(value, file)
            } else {
                entries.append(try entry(name, value, dataStart: headerEnd, file))
            }
        }
        entries.sort {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound, $0.name)
                < ($1.byteRange.lowerBound, $1.byteRange.upperBound, $1.name)
        }
        try checkCoverage(entries, from: headerEnd, file)
        return Content(entries: entries, metadata: metadata)
    }

    private static func headerEnd(_ file: MappedFile) throws(ModelFileError) -> Int {
        let size = file.bytes.count
        guard size >= prefixBytes else {
            throw ModelFileError(
                "has \(size) bytes, too few for a safetensors header", file: file.path,
                hint: GGUFCursor.damaged)
        }
        let length = UInt64(littleEndian: file.bytes.loadUnaligned(as: UInt64.self))
        guard length <= longestHeaderBytes else {
            throw ModelFileError(
                "says that its header has \(length) bytes; at most \(longestHeaderBytes) are "
                    + "allowed", file: file.path, hint: "Is it a safetensors file?")
        }
        guard Int(length) <= size - prefixBytes else {
            throw ModelFileError(
                "says that its header has \(length) bytes, but only \(size - prefixBytes) follow",
                file: file.path, hint: GGUFCursor.damaged)
        }
        return prefixBytes + Int(length)
    }

    private static func metadata(
        _ value: JSONValue, _ file: MappedFile
    ) throws(ModelFileError) -> [String: String] {
        guard case .object(let members) = value else {
            throw ModelFileError("is no object", file: file.path, part: "header '__metadata__'")
        }
        var metadata: [String: String] = [:]
        for key in members.keys {
            guard case .text(let text)? = members[key] else {
                throw ModelFileError(
                    "is no text", file: file.path, part: "header '__metadata__' \(key.quoted)")
            }
            metadata[key] = text
        }
        return metadata
    }

    private static func entry(
        _ name: String, _ value: JSONValue, dataStart: Int, _ file: MappedFile
    ) throws(ModelFileError) -> SafetensorsFile.Entry {
        let part = "tensor \(name.quoted)"
        guard case .object(let members) = value, members.keys.count == 3,
            case .text(let type)? = members["dtype"], case .array(let sizes)? = members["shape"],
            case .array(let offsets)? = members["data_offsets"]
        else {
            throw ModelFileError(
                "needs a dtype, a shape and data_offsets, and nothing else", file: file.path,
                part: part, hint: GGUFCursor.damaged)
        }
        let shape = sizes.compactMap(count)
        let range = offsets.compactMap(count)
        let dataBytes = file.bytes.count - dataStart
        guard shape.count == sizes.count else {
            throw ModelFileError(
                "has a shape that is no list of counts", file: file.path, part: part,
                hint: GGUFCursor.damaged)
        }
        guard range.count == 2, offsets.count == 2, range[0] <= range[1], range[1] <= dataBytes
        else {
            throw ModelFileError(
                "has data_offsets that are no range within the \(dataBytes) bytes of data",
                file: file.path, part: part, hint: GGUFCursor.damaged)
        }
        guard let bitsEach = bitsPerElement[type] else {
            throw ModelFileError(
                "has the unknown dtype \(type.quoted)", file: file.path, part: part)
        }
        guard byteCount(shape, bitsEach: bitsEach) == range[1] - range[0] else {
            throw ModelFileError(
                "has \(range[1] - range[0]) bytes, which shape \(shape) in \(type) does not fill",
                file: file.path, part: part, hint: GGUFCursor.damaged)
        }
        return SafetensorsFile.Entry(
            name: name, typeName: type, shape: shape,
            byteRange: dataStart + range[0]..<dataStart + range[1])
    }

    private static func count(_ value: JSONValue) -> Int? {
        guard case .integer(let value) = value, value >= 0 else { return nil }
        return value
    }

    private static func byteCount(_ shape: [Int], bitsEach: Int) -> Int? {
        var bits = bitsEach
        for size in shape {
            let (product, overflow) = bits.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            bits = product
        }
        return bits.isMultiple(of: 8) ? bits / 8 : nil
    }

    private static func checkCoverage(
        _ entries: [SafetensorsFile.Entry], from dataStart: Int, _ file: MappedFile
    ) throws(ModelFileError) {
        var end = dataStart
        for entry in entries {
            guard entry.byteRange.lowerBound == end else {
                throw ModelFileError(
                    "begins at byte \(entry.byteRange.lowerBound - dataStart) of the data, but "
                        + "the tensors before it end at \(end - dataStart)",
                    file: file.path, part: "tensor \(entry.name.quoted)",
                    hint: GGUFCursor.damaged)
            }
            end = entry.byteRange.upperBound
        }
        guard end == file.bytes.count else {
            throw ModelFileError(
                "has \(file.bytes.count - end) bytes after the last tensor", file: file.path,
                hint: GGUFCursor.damaged)
        }
    }

    /// Every dtype that the format knows.
    private static let bitsPerElement = [
        "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8,
        "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16,
        "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64,
        "U64": 64,
    ]
}
