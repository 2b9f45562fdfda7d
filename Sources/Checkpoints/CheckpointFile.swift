import Files

/// A named blob on its way to disk; its bytes are not copied.
///
/// Not `Sendable`: with ``init(name:memory:)`` the caller owns the memory and keeps it unchanged
/// until the call that writes it has returned.
public struct CheckpointFile {
    /// Letters, digits, `.`, `_`, `-`; does not begin with a point; at most 128 characters.
    public let name: String
    private let contents: Contents

    private enum Contents {
        case array([UInt8])
        case memory(UnsafeRawBufferPointer)
    }

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        contents = .array(bytes)
    }

    public init(name: String, memory: UnsafeRawBufferPointer) {
        self.name = name
        contents = .memory(memory)
    }

    /// The UTF-8 bytes of `text`, without a terminating zero.
    public init(name: String, text: String) {
        self.init(name: name, bytes: Array(text.utf8))
    }

    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        switch contents {
        case .memory(let memory): return try body(memory)
        case .array(let array): return try array.withBytes(body)
        }
    }

    /// Whether `name` names a plain file of a folder and nothing else: no path, no hidden file.
    static func isValid(name: String) -> Bool {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return allowed && !name.isEmpty && name.utf8.count <= 128 && !name.hasPrefix(".")
    }
}
