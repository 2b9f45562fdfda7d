/// Rows of text in columns as wide as they need; the first column to the left, numbers to the right.
struct TextTable {
    private var rows: [[String]] = []
    private var keepsLeft = false

    /// - Parameter cells: As many as in every other row.
    mutating func add(_ cells: [String]) { rows.append(cells) }

    /// The same with every column to the left: for text beside labels.
    var alignedLeft: TextTable {
        var copy = self
        copy.keepsLeft = true
        return copy
    }

    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 || keepsLeft ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}

extension Int {
    /// Bytes as a person reads them, in binary units.
    var shownBytes: String {
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
    /// With so many digits after the point; no locale is asked.
    func shown(decimals: Int) -> String {
        guard isFinite else { return "-" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let rounded = (magnitude * scale).rounded()
        guard rounded < 1e15 else { return "\(self)" }
        let digits = String(Int(rounded))
        let sign = self < 0 && rounded > 0 ? "-" : ""
        guard decimals > 0 else { return sign + Int(rounded).grouped }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let whole = Int(padded.dropLast(decimals)) ?? 0
        return "\(sign)\(whole.grouped).\(padded.suffix(decimals))"
    }
}
