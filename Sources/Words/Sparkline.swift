/// A curve in one line of text: the whole run so far, however long, in bounded memory.
///
/// Values are averaged in cells of equally many values; when all cells are full, neighbours merge.
public struct Sparkline {
    private var cells: [Cell] = []
    private var valuesPerCell = 1

    private struct Cell {
        var sum: Double
        var count: Int
        var mean: Double { sum / Double(count) }
    }

    private static let mostCells = 64
    private static let blocks = Array("▁▂▃▄▅▆▇█")
    /// For terminals that do not speak UTF-8.
    private static let plain = Array("_.-=+*#@")

    public init() {}

    /// Takes the next value; what is not finite has no height and is left out.
    public mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        if let last = cells.last, last.count < valuesPerCell {
            cells[cells.count - 1].sum += value
            cells[cells.count - 1].count += 1
            return
        }
        if cells.count == Self.mostCells { merge() }
        cells.append(Cell(sum: value, count: 1))
    }

    private mutating func merge() {
        cells = stride(from: 0, to: cells.count, by: 2).map { index in
            let (a, b) = (cells[index], cells[index + 1])
            return Cell(sum: a.sum + b.sum, count: a.count + b.count)
        }
        valuesPerCell *= 2
    }

    /// At most `width` characters, the newest value last, from the least mean to the greatest.
    public func text(width: Int, isUnicode: Bool) -> String {
        let levels = isUnicode ? Self.blocks : Self.plain
        let groups = max(1, (cells.count + width - 1) / max(1, width))
        let means = stride(from: 0, to: cells.count, by: groups).map { start in
            let part = cells[start..<min(start + groups, cells.count)]
            return part.reduce(0) { $0 + $1.sum } / Double(part.reduce(0) { $0 + $1.count })
        }
        guard width > 0, let least = means.min(), let greatest = means.max() else { return "" }
        return String(
            means.map { mean in
                let height = greatest > least ? (mean - least) / (greatest - least) : 0
                return levels[min(levels.count - 1, Int(height * Double(levels.count)))]
            })
    }
}
