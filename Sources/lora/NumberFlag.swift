import Operations

/// A number that arrives as text, so that a wrong one ends with exit code 78 and its flag's name.
struct NumberFlag {
    private let name: String
    private let text: String?

    init(_ name: String, _ text: String?) {
        self.name = name
        self.text = text
    }

    /// From 1 to a million.
    var whole: Int? {
        get throws(OperationsError) {
            guard let text else { return nil }
            guard let value = Int(text), value >= 1, value <= 1_000_000 else {
                throw OperationsError(
                    name, "is '\(text)'; it must be a whole number from 1 to 1000000")
            }
            return value
        }
    }

    var notNegative: Double? {
        get throws(OperationsError) {
            guard let text else { return nil }
            guard let value = Double(text), value.isFinite, value >= 0, value <= 1e9 else {
                throw OperationsError(name, "is '\(text)'; it must be a number, at least 0")
            }
            return value
        }
    }
}
