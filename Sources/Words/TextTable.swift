/// Rows of text in columns as wide as they need; the first column to the left, numbers to the right.
public struct TextTable {
    private var rows: [[String]] = []
    private var keepsLeft = false

    public init() {}

    /// - Parameter cells: As many as in every other row.
    public mutating func add(_ cells: [String]) { rows.append(cells) }

    /// The same with every column to the left: for text beside labels.
    public var alignedLeft: TextTable {
        var copy = self
        copy.keepsLeft = true
        return copy
    }

    /// Its lines, without blanks at their ends and without a last line feed.
    public var text: String {
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
