import Foundation
import Yams

extension RunConfiguration {
    /// The settings of a `run.yaml`: a flat mapping of names to scalars or lists of scalars.
    ///
    /// - Throws: ``ConfigurationError`` naming the file and the line or key.
    public static func settings(yamlFile path: String) throws(ConfigurationError) -> [String:
        String]
    {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(
                path, "cannot be read", hint: "--config names a YAML file that every rank can see")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationError(path, "is not UTF-8 text")
        }
        return try settings(yaml: text, path: path)
    }

    static func settings(yaml: String, path: String) throws(ConfigurationError) -> [String: String]
    {
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            throw ConfigurationError(path, "is not YAML (\(error))")
        }
        guard let node else { return [:] }
        guard let mapping = node.mapping else {
            throw ConfigurationError(path, "must be a mapping such as 'rank: 8'")
        }
        var settings: [String: String] = [:]
        var seen: Set<String> = []
        for (key, value) in mapping {
            let line = key.mark.map { ":\($0.line)" } ?? ""
            guard let name = key.scalar?.string else {
                throw ConfigurationError(path + line, "a key is not a name")
            }
            let canonical = name.replacingOccurrences(of: "_", with: "-")
            guard Setting.all.contains(where: { $0.name == canonical }) else {
                throw ConfigurationError(
                    path + line, "'\(name)' is not a setting",
                    hint: "lora-worker --help lists them; run.yaml uses the flags' names")
            }
            guard seen.insert(canonical).inserted else {
                throw ConfigurationError(path + line, "\(name) is given twice")
            }
            if let scalar = value.scalar {
                settings[canonical] = isNull(scalar) ? nil : scalar.string
            } else if let items = value.sequence?.map({ $0.scalar?.string }),
                !items.contains(nil)
            {
                settings[canonical] = items.compactMap { $0 }.joined(separator: ",")
            } else {
                throw ConfigurationError(path + line, "\(name) must be a value or a list of values")
            }
        }
        return settings
    }

    /// Whether a value means "not given": nothing, or YAML's null, unquoted.
    private static func isNull(_ scalar: Node.Scalar) -> Bool {
        scalar.style != .singleQuoted && scalar.style != .doubleQuoted
            && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// Settings as the text of a `run.yaml`, in the order of ``Setting/all``.
    public static func yaml(_ settings: [(name: String, value: String)]) -> String {
        settings.map { "\($0.name): \(scalar($0.value))\n" }.joined()
    }

    private static func scalar(_ text: String) -> String {
        let plain = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "._-/+"))
        let safe =
            !text.isEmpty && text.unicodeScalars.allSatisfy(plain.contains)
            && !text.hasPrefix("-")
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
