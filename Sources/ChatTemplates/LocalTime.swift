import Foundation

/// The clock that `strftime_now` reads.
enum LocalTime {
    /// The current local time by C's `strftime`, as Python's; `nil` if the text is too long.
    static func now(format: String) -> String? {
        guard !format.isEmpty else { return "" }
        guard !format.utf8.contains(0), format.utf8.count <= 256 else { return nil }
        var moment = time(nil)
        var parts = tm()
        guard localtime_r(&moment, &parts) != nil else { return nil }
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = strftime(&buffer, buffer.count, format, &parts)
        guard length > 0 else { return nil }
        return String(
            validating: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
