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
