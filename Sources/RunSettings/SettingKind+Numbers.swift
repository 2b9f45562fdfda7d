// Numbers as people write them in YAML and in shells. What one reader takes for another number than
// the next, as 010, is refused: octal for YAML 1.1, ten for YAML 1.2.

extension SettingKind where Value == Int {
    /// A whole number, written as one.
    ///
    /// - Parameter fraction: What to do about a number that is none.
    static func integer(atLeast least: Int, fraction hint: String? = nil) -> SettingKind {
        SettingKind(
            form: .number,
            read: { text, flag throws(ConfigurationError) in
                guard let value = NumberText(text).whole, value >= least, value <= 1 << 53 else {
                    throw ConfigurationError(
                        flag, "is '\(text)'; it must be a whole number, at least \(least)",
                        hint: NumberText(text).hint(fraction: hint))
                }
                return value
            }, write: { "\($0)" })
    }
}

extension SettingKind where Value == UInt64 {
    /// A whole number, at least 0.
    static var seed: SettingKind {
        let integer = SettingKind<Int>.integer(atLeast: 0)
        return SettingKind(
            form: .number,
            read: { text, flag throws(ConfigurationError) in UInt64(try integer.read(text, flag)) },
            write: { "\($0)" })
    }
}

extension SettingKind where Value == Double {
    /// A number within limits.
    static func number(
        atLeast least: Double? = nil, above: Double? = nil, below: Double? = nil
    ) -> SettingKind {
        let limits = [
            least.map { "at least \($0)" }, above.map { "above \($0)" },
            below.map { "below \($0)" },
        ].compactMap { $0 }.joined(separator: " and ")
        return SettingKind(
            form: .number,
            read: { text, flag throws(ConfigurationError) in
                guard let value = NumberText(text).decimal, value >= least ?? value,
                    above.map({ value > $0 }) ?? true, below.map({ value < $0 }) ?? true
                else {
                    throw ConfigurationError(
                        flag, "is '\(text)'; it must be a number \(limits)",
                        hint: NumberText(text).hint(fraction: nil))
                }
                return value
            }, write: { "\($0)" })
    }
}

extension SettingForm {
    fileprivate static var number: SettingForm {
        var form = SettingForm()
        form.isNumber = true
        return form
    }
}

/// The text of a number.
private struct NumberText {
    private let text: String

    init(_ text: String) { self.text = text }

    var whole: Int? { hasLeadingZero ? nil : Int(text) }

    /// Decimal digits with or without point and exponent, and nothing else that Swift would take.
    var decimal: Double? {
        let isDecimal = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || "+-.eE".utf8.contains(byte)
        }
        guard isDecimal, !hasLeadingZero, let value = Double(text), value.isFinite else {
            return nil
        }
        return value
    }

    private var hasLeadingZero: Bool {
        let digits = text.drop { $0 == "+" || $0 == "-" }
        return digits.hasPrefix("0") && (digits.dropFirst().first?.isNumber ?? false)
    }

    /// What to write in its place.
    func hint(fraction: String?) -> String? {
        if hasLeadingZero {
            return "Write it without the zero in front, which some readers take for octal"
        }
        if text.hasPrefix("0x") || text.hasPrefix("0o") || text.hasPrefix("0b") {
            return "Write it in decimal"
        }
        if text.contains("_") || text.contains(",") { return "Write its digits without separators" }
        if Int(text) == -1 { return "Leave the setting out where -1 says that nothing is set" }
        guard let value = decimal, value > 0 else { return nil }
        guard let whole = Int(exactly: value) else { return fraction }
        return Int(text) == nil ? "Write \(whole)" : nil
    }
}
