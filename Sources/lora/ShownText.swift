extension Int {
    /// Digits in groups of three.
    var grouped: String {
        let digits = String(self)
        let grouped = digits.enumerated().map { index, digit in
            let rest = digits.count - index
            return index > 0 && rest.isMultiple(of: 3) ? ",\(digit)" : "\(digit)"
        }
        return grouped.joined()
    }
}

extension String {
    /// Without control characters: names come out of files, and a terminal obeys what it is shown.
    var onOneLine: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map {
                    $0.properties.generalCategory == .control ? "\u{FFFD}" : $0
                }))
    }
}
