import Foundation

/// Values of settings, each read and checked, with the defaults of those that are not given.
///
/// `values.batchSize` is what ``SettingTable/batchSize`` declares. A setting has one name everywhere:
/// as a flag (`--batch-size`), in `run.yaml` (`batch-size:`), in a checkpoint and in messages. Values
/// arrive as text and are checked here, so that a wrong one is reported by the flag's name with exit
/// code 78.
@dynamicMemberLookup
public struct SettingValues: Sendable {
    private let given: [String: any Sendable]

    /// Reads and checks every setting that is given; the first wrong one is thrown.
    ///
    /// - Parameter texts: By name. An empty one says nothing.
    public init(_ texts: [String: String]) throws(ConfigurationError) {
        if let stranger = texts.keys.sorted().first(where: { SettingTable.named($0) == nil }) {
            throw ConfigurationError(
                stranger, "is not a setting" + SettingAdvice.clause(for: stranger),
                hint: SettingAdvice.whereToLook)
        }
        var given: [String: any Sendable] = [:]
        for setting in SettingTable.all {
            guard let text = texts[setting.name], !text.isEmpty else { continue }
            if let other = setting.insteadOf, texts[other] ?? "" != "" {
                throw ConfigurationError(
                    "--\(setting.name)", "and --\(other) are both given", hint: "Give one of them")
            }
            if setting.form.isPath { try Self.refuseShellSigns(text, setting.name) }
            given[setting.name] = try setting.read(text)
        }
        self.given = given
        try requireCollector()
    }

    /// Settings of the command line and of a `run.yaml`. The command line wins; either of the two
    /// ways to say how long a run is takes the place of the other.
    ///
    /// - Throws: ``ConfigurationError`` naming the flag, or the file and the line.
    public init(flags: [String: String], file path: String?) throws(ConfigurationError) {
        guard let path else {
            try self.init(flags)
            return
        }
        let file = try SettingsFile(path: path)
        var texts = file.values
        if flags["steps"] != nil || flags["epochs"] != nil {
            texts["steps"] = nil
            texts["epochs"] = nil
        }
        do throws(ConfigurationError) {
            try self.init(texts.merging(flags) { $1 })
        } catch {
            throw file.located(error, flags: flags)
        }
    }

    /// The value that is given, or the default.
    public subscript<Value>(
        dynamicMember setting: KeyPath<SettingTable, Setting<Value>>
    ) -> Value {
        let setting = SettingTable.shared[keyPath: setting]
        return given[setting.about.name] as? Value ?? setting.absent
    }

    /// The value that is given; `nil` where the default holds.
    public func given<Value>(_ setting: KeyPath<SettingTable, Setting<Value>>) -> Value? {
        given[SettingTable.shared[keyPath: setting].about.name] as? Value
    }

    /// The value of a setting that has no default.
    ///
    /// - Throws: ``ConfigurationError`` naming the flag.
    public func required<Value>(
        _ setting: KeyPath<SettingTable, Setting<Value?>>
    ) throws(ConfigurationError) -> Value {
        guard let value = self[dynamicMember: setting] else {
            throw ConfigurationError(
                "--\(SettingTable.shared[keyPath: setting].about.name)", "is missing",
                hint: "Give it as a flag or in run.yaml")
        }
        return value
    }

    /// Every setting as text, with defaults filled in, in the order of ``SettingTable``.
    ///
    /// - Parameter found: What only the model and the data tell, by name; `nil` for what they have no
    ///   use for.
    public func resolved(_ found: [String: String?]) -> [(name: String, value: String)] {
        let replaced = SettingTable.all.filter { given[$0.name] != nil }.compactMap(\.insteadOf)
        return SettingTable.all.compactMap { setting in
            guard !replaced.contains(setting.name) else { return nil }
            let text = found[setting.name] ?? setting.write(given[setting.name])
            return text.map { (setting.name, $0) }
        }
    }

    private static func refuseShellSigns(
        _ text: String, _ name: String
    ) throws(ConfigurationError) {
        for path in text.split(separator: ",")
        where path.hasPrefix("~") || path.hasPrefix("$") || path.contains("${") {
            throw ConfigurationError(
                "--\(name)", "is '\(path)', and neither ~ nor $ is filled in here",
                hint: "Write the path in full, or ./\(path) if that is its name")
        }
    }
}

// MARK: - run.yaml

extension SettingValues {
    /// Settings as the text of a `run.yaml`.
    public static func yaml(_ settings: [(name: String, value: String)]) -> String {
        settings.map { "\($0.name): \(scalar($0.value, of: $0.name))\n" }.joined()
    }

    private static func scalar(_ text: String, of name: String) -> String {
        let plain = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "._-/+"))
        let safe =
            !text.isEmpty && text.unicodeScalars.allSatisfy(plain.contains)
            && !text.hasPrefix("-") && !SettingsFile.isMisread(text, in: name)
        if safe { return text }
        let escaped = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            case "\t": "\\t"
            default: String(scalar)
            }
        }
        return "\"" + escaped.joined() + "\""
    }
}
