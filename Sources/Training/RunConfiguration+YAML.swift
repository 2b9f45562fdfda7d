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
        for (key, value) in mapping {
            let line = key.mark.map { ":\($0.line)" } ?? ""
            guard let name = key.scalar?.string else {
                throw ConfigurationError(path + line, "a key is not a name")
            }
            let canonical = name.replacingOccurrences(of: "_", with: "-")
            if let scalar = value.scalar {
                let isNull =
                    scalar.string.isEmpty || scalar.string == "null" || scalar.string == "~"
                settings[canonical] = isNull ? nil : scalar.string
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
