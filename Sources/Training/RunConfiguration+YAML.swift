import Foundation

extension RunConfiguration {
    /// The settings of a `run.yaml`: a flat mapping of names to scalars or lists of scalars.
    ///
    /// - Throws: ``ConfigurationError`` naming the file and the line or key.
    public static func settings(yamlFile path: String) throws(ConfigurationError) -> [String:
        String]
    {
        try SettingsFile(path: path).values
    }

    /// Settings of a `run.yaml`, or none, and of the command line, which win.
    ///
    /// - Throws: ``ConfigurationError`` naming the flag, or the file and the line.
    static func read(
        flags: [String: String], file path: String?, out: String? = nil
    ) throws(ConfigurationError) -> RunConfiguration {
        let file = try path.map { (path) throws(ConfigurationError) in
            try SettingsFile(path: path)
        }
        var settings = TrainingJob.merge(file?.values ?? [:], flags)
        settings["out"] = settings["out"] ?? out
        do throws(ConfigurationError) {
            return try RunConfiguration(settings: settings)
        } catch {
            throw file?.located(error, flags: flags) ?? error
        }
    }

    /// Settings as the text of a `run.yaml`, in the order of ``Setting/all``.
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
