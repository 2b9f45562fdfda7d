import Glibc

/// Writes text to a descriptor as far as it goes; a closed terminal is no reason to stop a program.
///
/// - Parameter number: `STDOUT_FILENO`, `STDERR_FILENO` or another that stays open.
public func writeAll(_ text: String, to number: Int32) {
    Array(text.utf8).withUnsafeBytes { bytes in
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = uninterrupted { write(number, part.baseAddress, part.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
