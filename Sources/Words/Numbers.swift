import Foundation

/// Numbers as people read them. No locale is asked: the same run says the same everywhere.

/// `value` with this many digits after the point, rounded half away from zero.
///
/// - Parameter groups: Whether a comma parts the thousands.
public func decimal(_ value: Double, places: Int, groups: Bool = false) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e15 else { return "\(value)" }
    var digits = String(Int(scaled))
    digits = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    let whole = digits.dropLast(places)
    let fraction = places > 0 ? "." + digits.suffix(places) : ""
    return sign + (groups ? Int(whole)?.grouped ?? "" : String(whole)) + fraction
}

/// Three significant digits: "0.000183", "2e-07".
public func significant(_ value: Double) -> String { String(format: "%.3g", value) }

/// "1 rank", "2 ranks".
public func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
}

/// "42 s", "3 min 20 s", "2 h 05 min".
public func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "unknown time" }
    let total = Int(seconds.rounded())
    if total < 60 { return "\(total) s" }
    let (value, rest) = total < 3600 ? (total / 60, total % 60) : (total / 3600, total / 60 % 60)
    let padded = (rest < 10 ? "0" : "") + "\(rest)"
    return total < 3600 ? "\(value) min \(padded) s" : "\(value) h \(padded) min"
}

extension Int {
    /// Digits in groups of three.
    public var grouped: String {
        let digits = String(self)
        let grouped = digits.enumerated().map { index, digit in
            let rest = digits.count - index
            return index > 0 && rest.isMultiple(of: 3) ? ",\(digit)" : "\(digit)"
        }
        return grouped.joined()
    }

    /// Bytes as a person reads them, in binary units.
    public var shownBytes: String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var (value, unit) = (Double(self), 0)
        while value >= 1024, unit + 1 < units.count {
            value /= 1024
            unit += 1
        }
        return unit == 0
            ? "\(self) bytes" : "\(value.shown(decimals: value < 100 ? 1 : 0)) \(units[unit])"
    }
}

extension Double {
    /// With so many digits after the point and commas between thousands; "-" where it is not finite.
    public func shown(decimals: Int) -> String {
        isFinite ? decimal(self, places: decimals, groups: true) : "-"
    }
}
