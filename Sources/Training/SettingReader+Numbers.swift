// Numbers as people write them in YAML and in shells. What one reader takes for another number than
// the next, as 010, is refused: octal for YAML 1.1, ten for YAML 1.2.

extension SettingReader {
    /// A whole number, written as one.
    func integer(_ name: String, atLeast least: Int) throws(ConfigurationError) -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Self.wholeNumber(text), value >= least, value <= 1 << 53 else {
            throw ConfigurationError(
                "--\(name)", "is '\(text)'; it must be a whole number, at least \(least)",
                hint: Self.hint(text, name))
        }
        return value
    }

    /// A number within limits.
    func number(
        _ name: String, atLeast least: Double? = nil, above: Double? = nil, below: Double? = nil
    ) throws(ConfigurationError) -> Double? {
        guard let text = text(name) else { return nil }
        let limits = [
            least.map { "at least \($0)" }, above.map { "above \($0)" },
            below.map { "below \($0)" },
        ].compactMap { $0 }.joined(separator: " and ")
        guard let value = Self.decimal(text), value >= least ?? value,
            above.map({ value > $0 }) ?? true, below.map({ value < $0 }) ?? true
        else {
            throw ConfigurationError(
                "--\(name)", "is '\(text)'; it must be a number \(limits)",
                hint: Self.hint(text, name))
        }
        return value
    }

    private static func wholeNumber(_ text: String) -> Int? {
        hasLeadingZero(text) ? nil : Int(text)
    }

    /// Decimal digits with or without point and exponent, and nothing else that Swift would take.
    private static func decimal(_ text: String) -> Double? {
        let isDecimal = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || "+-.eE".utf8.contains(byte)
        }
        guard isDecimal, !hasLeadingZero(text), let value = Double(text), value.isFinite else {
            return nil
        }
        return value
    }

    private static func hasLeadingZero(_ text: String) -> Bool {
        let digits = text.drop { $0 == "+" || $0 == "-" }
        return digits.hasPrefix("0") && (digits.dropFirst().first?.isNumber ?? false)
    }

    private static func hint(_ text: String, _ name: String) -> String? {
        if hasLeadingZero(text) {
            return "Write it without the zero in front, which some readers take for octal"
        }
        if text.hasPrefix("0x") || text.hasPrefix("0o") || text.hasPrefix("0b") {
            return "Write it in decimal"
        }
        if text.contains("_") || text.contains(",") { return "Write its digits without separators" }
        if Int(text) == -1 { return "Leave the setting out where -1 says that nothing is set" }
        guard let value = decimal(text), value > 0 else { return nil }
        if let whole = Int(exactly: value) {
            return Int(text) == nil ? "Write \(whole)" : nil
        }
        if name == "epochs" { return "Give steps for a part of an epoch" }
        let isShare =
            value < 1 && ["warmup-steps", "eval-every", "checkpoint-every"].contains(name)
        return isShare ? "A share of the run is not taken; give the number of steps" : nil
    }
}
