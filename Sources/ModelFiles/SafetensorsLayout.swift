import JSON
public import Tensors
import Words

/// What a tensor of a safetensors file will be.
public struct SafetensorsDeclaration: Sendable, Equatable {
    public let name: String
    /// Float32, float16 or bfloat16; the format has no block types.
    public let format: BlockFormat
    /// Outermost dimension first.
    public let shape: [Int]

    public init(name: String, format: BlockFormat = .float32, shape: [Int]) {
        self.name = name
        self.format = format
        self.shape = shape
    }
}

/// Where everything stands in a safetensors file that is to be written.
struct SafetensorsLayout {
    /// The length and the JSON header, padded.
    let header: [UInt8]
    /// Names in the order of their bytes.
    let order: [String]
    /// Where each tensor's bytes lie in the file.
    let ranges: [String: Range<Int>]

    init(
        _ tensors: [SafetensorsDeclaration], metadata: [String: String], path: String
    ) throws(ModelFileError) {
        // By the bytes of the name, as the reference writer compares.
        let sorted = tensors.sorted {
            let (left, right) = (Self.place($0.format), Self.place($1.format))
            return left == right
                ? $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) : left < right
        }
        var members = JSONObject()
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            members["__metadata__"] = .object(
                JSONObject(pairs.map { (key: $0.key, value: .text($0.value)) }))
        }
        var dataRanges: [String: Range<Int>] = [:]
        var end = 0
        for tensor in sorted {
            let (newEnd, overflow) = end.addingReportingOverflow(
                try Self.byteCount(tensor, path: path))
            guard !overflow, dataRanges.updateValue(end..<newEnd, forKey: tensor.name) == nil
            else {
                throw ModelFileError(
                    "is declared twice or too large", file: path,
                    part: "tensor \(tensor.name.quoted)")
            }
            members[tensor.name] = [
                "dtype": .text(tensor.format.name),
                "shape": .array(tensor.shape.map { .integer($0) }),
                "data_offsets": [.integer(end), .integer(newEnd)],
            ]
            end = newEnd
        }
        var json = Array(members.line.utf8)
        while !json.count.isMultiple(of: 8) { json.append(UInt8(ascii: " ")) }
        let length = UInt64(json.count)
        header = (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + json
        order = sorted.map(\.name)
        let dataStart = header.count
        ranges = dataRanges.mapValues {
            $0.lowerBound + dataStart..<$0.upperBound + dataStart
        }
    }

    /// Place among the types; blocks, which cannot be written, come last.
    private static func place(_ format: BlockFormat) -> Int {
        format.scalar?.safetensorsOrder ?? .max
    }

    private static func byteCount(
        _ tensor: SafetensorsDeclaration, path: String
    ) throws(ModelFileError) -> Int {
        var bytes = tensor.format.bytes
        var isPossible = tensor.format.scalar != nil
        for size in tensor.shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
            isPossible = isPossible && !overflow && size >= 0
            bytes = product
        }
        guard isPossible else {
            throw ModelFileError(
                "shape \(tensor.shape) in \(tensor.format.name) cannot be written",
                file: path, part: "tensor \(tensor.name.quoted)")
        }
        return bytes
    }
}
