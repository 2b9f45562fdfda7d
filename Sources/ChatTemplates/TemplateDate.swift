import Foundation

/// The day that a template is told when it asks for today's (`strftime_now`).
///
/// What is trained must not change over midnight, so a run names a day and keeps it.
public struct TemplateDate: Sendable, Equatable, CustomStringConvertible {
    private let year: Int32
    private let month: Int32
    private let day: Int32

    /// - Parameter text: A day as `2026-11-24`.
    /// - Returns: `nil` if there is no such day.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2],
            text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) }),
            let year = Int32(parts[0]), let month = Int32(parts[1]), let day = Int32(parts[2])
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
        // The calendar turns a day that does not exist into another one.
        var normal = noon
        guard mktime(&normal) != -1, normal.tm_mday == day, normal.tm_mon == month - 1 else {
            return nil
        }
    }

    private init(_ parts: tm) {
        (year, month, day) = (parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
    }

    /// Today by the local clock.
    public static var today: TemplateDate { TemplateDate(localNow()) }

    public var description: String {
        func digits(_ value: Int32, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))"
    }

    /// The day by C's `strftime`, as Python's; its hour is noon. `nil` if the text is too long.
    func formatted(_ format: String) -> String? {
        var parts = noon
        guard mktime(&parts) != -1 else { return nil }
        return Self.text(&parts, format)
    }

    /// The current local time by C's `strftime`.
    static func now(_ format: String) -> String? {
        var parts = localNow()
        return text(&parts, format)
    }

    private var noon: tm {
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, day)
        parts.tm_hour = 12
        parts.tm_isdst = -1
        return parts
    }

    private static func localNow() -> tm {
        var moment = time(nil)
        var parts = tm()
        localtime_r(&moment, &parts)
        return parts
    }

    private static func text(_ parts: inout tm, _ format: String) -> String? {
        guard !format.isEmpty else { return "" }
        guard !format.utf8.contains(0), format.utf8.count <= 256 else { return nil }
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = strftime(&buffer, buffer.count, format, &parts)
        guard length > 0 else { return nil }
        return String(
            validating: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
