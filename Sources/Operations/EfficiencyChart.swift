/// A drawing of scaling efficiency over ranks, as SVG.
public struct EfficiencyChart: Sendable {
    /// One curve.
    public struct Curve: Sendable {
        public let name: String
        public let color: String
        /// Ranks, and efficiency as a share of 1.
        public let points: [(ranks: Int, efficiency: Double)]

        public init(name: String, color: String, points: [(ranks: Int, efficiency: Double)]) {
            self.name = name
            self.color = color
            self.points = points
        }
    }

    private let title: String
    private let note: String
    private let curves: [Curve]
    private let ranks: [Int]

    private static let (width, height) = (760.0, 440.0)
    private static let (left, right, top, bottom) = (70.0, 24.0, 56.0, 92.0)

    /// - Parameters:
    ///   - title: Above the drawing.
    ///   - note: Below it: what is measured and what is modelled.
    ///   - curves: All over the same rising numbers of ranks.
    public init(title: String, note: String, curves: [Curve]) {
        self.title = title
        self.note = note
        self.curves = curves
        ranks = curves.first?.points.map(\.ranks) ?? []
    }

    /// The whole file.
    public var svg: String {
        let (width, height) = (Int(Self.width), Int(Self.height))
        let head =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" "
            + "width=\"\(width)\" height=\"\(height)\" role=\"img\" "
            + "font-family=\"sans-serif\" font-size=\"13\">"
        let body = [
            "<title>\(Self.escaped(title))</title>",
            "<rect width=\"\(width)\" height=\"\(height)\" fill=\"white\"/>",
            text(title, x: Self.left, y: 24, size: 16), grid, axes,
            curves.map(drawn).joined(separator: "\n"), legend,
            text(note, x: Self.left, y: Self.height - 14, size: 11, color: "#555"),
        ]
        return ([head] + body + ["</svg>", ""]).joined(separator: "\n")
    }

    // MARK: Places

    private func x(_ ranks: Int) -> Double {
        guard let first = self.ranks.first, let last = self.ranks.last, last > first else {
            return Self.left
        }
        let share = Self.log2(ranks, over: first) / Self.log2(last, over: first)
        return Self.left + share * (Self.width - Self.left - Self.right)
    }

    private func y(_ efficiency: Double) -> Double {
        let share = min(1, max(0, efficiency / 1.05))
        return Self.height - Self.bottom - share * (Self.height - Self.top - Self.bottom)
    }

    /// Powers of two and, between them, straight lines: enough to place a label.
    private static func log2(_ value: Int, over base: Int) -> Double {
        var (ratio, power) = (Double(value) / Double(base), 0.0)
        while ratio >= 2 {
            ratio /= 2
            power += 1
        }
        return power + ratio - 1
    }

    // MARK: Parts

    private var grid: String {
        let horizontal = stride(from: 0, through: 100, by: 20).map { percent in
            let y = y(Double(percent) / 100)
            return line(Self.left, y, Self.width - Self.right, y, "#ddd")
                + text("\(percent)%", x: Self.left - 8, y: y + 4, anchor: "end")
        }
        // Labels that would touch are left out.
        var lastLabel = -Double.infinity
        let vertical = ranks.map { number in
            let x = x(number)
            guard x - lastLabel >= 44 else { return "" }
            lastLabel = x
            return line(x, Self.top, x, Self.height - Self.bottom, "#eee")
                + text("\(number)", x: x, y: Self.height - Self.bottom + 18, anchor: "middle")
        }
        return (horizontal + vertical).joined(separator: "\n")
    }

    private var axes: String {
        let floor = Self.height - Self.bottom
        let middle = (Self.top + floor) / 2
        return [
            line(Self.left, floor, Self.width - Self.right, floor, "#333"),
            line(Self.left, Self.top, Self.left, floor, "#333"),
            text(
                "ranks (logarithmic)", x: (Self.left + Self.width - Self.right) / 2,
                y: floor + 40, anchor: "middle"),
            "<g transform=\"rotate(-90 20 \(Self.number(middle)))\">"
                + text("efficiency, % of one rank's", x: 20, y: middle, anchor: "middle") + "</g>",
        ].joined(separator: "\n")
    }

    private func drawn(_ curve: Curve) -> String {
        let places = curve.points.map { (x($0.ranks), y($0.efficiency)) }
        let points = places.map { "\(Self.number($0.0)),\(Self.number($0.1))" }
            .joined(separator: " ")
        let dots = places.map {
            "<circle cx=\"\(Self.number($0.0))\" cy=\"\(Self.number($0.1))\" r=\"3\" "
                + "fill=\"\(curve.color)\"/>"
        }
        return "<polyline points=\"\(points)\" fill=\"none\" stroke=\"\(curve.color)\" "
            + "stroke-width=\"2\"/>" + dots.joined()
    }

    private var legend: String {
        curves.enumerated().map { index, curve in
            let x = Self.left + Double(index) * 300
            return line(x, 40, x + 24, 40, curve.color, width: 3)
                + text(curve.name, x: x + 30, y: 44)
        }.joined(separator: "\n")
    }

    private func line(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ color: String, width: Int = 1
    ) -> String {
        "<line x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" "
            + "y2=\"\(Self.number(y2))\" stroke=\"\(color)\" stroke-width=\"\(width)\"/>"
    }

    private func text(
        _ text: String, x: Double, y: Double, anchor: String = "start", size: Int = 13,
        color: String = "#222"
    ) -> String {
        "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" text-anchor=\"\(anchor)\" "
            + "font-size=\"\(size)\" fill=\"\(color)\">\(Self.escaped(text))</text>"
    }

    /// Tenths are enough.
    private static func number(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
    }
}
