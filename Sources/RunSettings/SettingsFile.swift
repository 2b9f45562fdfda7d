import Files
import Foundation
import Yams

/// A `run.yaml`: a flat mapping of settings to scalars or lists of scalars, and where each stands.
public struct SettingsFile {
    let path: String
    /// By our names.
    public private(set) var values: [String: String] = [:]
    private var lines: [String: Int] = [:]

    /// - Throws: ``ConfigurationError`` naming the file and the line or key.
    public init(path: String) throws(ConfigurationError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(
                path, "cannot be read", hint: "--config names a YAML file that every rank can see")
        }
        if let kind = data.withUnsafeBytes({ FileKind.of($0) }) {
            throw ConfigurationError(
                path, "is \(kind.name)", hint: "--config names a YAML file in UTF-8")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationError(path, "is not UTF-8 text")
        }
        self.path = path
        guard data.count <= Self.mostBytes else {
            throw ConfigurationError(path, "has more than \(Self.mostBytes) bytes")
        }
        guard Self.aliases(in: data) <= Self.mostAliases else {
            throw ConfigurationError(
                path, "has more than \(Self.mostAliases) aliases (*name)",
                hint: "Write the values themselves")
        }
        // A byte order mark belongs to no name.
        try read(text.hasPrefix("\u{FEFF}") ? String(text.unicodeScalars.dropFirst()) : text)
    }

    /// An error about a setting that the file gave, told with its line.
    func located(_ error: ConfigurationError, flags: [String: String]) -> ConfigurationError {
        guard let flag = error.location, flag.hasPrefix("--"),
            case let name = String(flag.dropFirst(2)), flags[name] == nil, let line = lines[name]
        else { return error }
        return ConfigurationError("\(path):\(line): \(name)", error.problem, hint: error.hint)
    }

    private mutating func read(_ yaml: String) throws(ConfigurationError) {
        let node: Node?
        do {
            node = try Yams.compose(yaml: yaml)
        } catch {
            throw broken(error, yaml)
        }
        guard let node, node.scalar.map({ !Self.nulls.contains($0.string) }) ?? true else { return }
        guard let mapping = node.mapping else {
            throw ConfigurationError(path, "must be a mapping such as 'rank: 8'")
        }
        var strangers = Strangers()
        for (key, value) in mapping {
            let line = key.mark?.line ?? 1
            guard let name = key.scalar?.string else {
                throw ConfigurationError("\(path):\(line)", "a key is not a name")
            }
            let own = name.replacingOccurrences(of: "_", with: "-")
            if value.mapping != nil {
                strangers.add(namesIn: value, below: name, line: line)
            } else if SettingTable.named(own) == nil {
                strangers.add(name, line: line)
            } else if lines.updateValue(line, forKey: own) != nil {
                throw ConfigurationError("\(path):\(line)", "\(name) is given twice")
            } else {
                values[own] = try self.value(of: value, own, line: line)
            }
        }
        if !strangers.names.isEmpty { throw unknown(strangers) }
    }

    // MARK: Size

    /// An alias may stand for many others, and the parser compares whole keys: what a small file
    /// says can be more than there is memory or time for. These bound it to seconds.
    private static let mostAliases = 16
    private static let mostBytes = 1 << 20

    /// At least as many as the file has: `*` before a name, where no word goes on.
    private static func aliases(in data: Data) -> Int {
        func isOfName(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
                || [0x2D, 0x5F].contains(byte)
        }
        var count = 0
        for (before, (star, after)) in zip([0x0A] + data, zip(data, data.dropFirst()))
        where star == UInt8(ascii: "*") && isOfName(after) {
            let isInWord = isOfName(before) && before != 0x2D || [0x2E, 0x2F].contains(before)
            count += isInWord ? 0 : 1
        }
        return count
    }

    // MARK: Values

    private func value(
        of node: Node, _ name: String, line: Int
    ) throws(ConfigurationError) -> String? {
        let place = "\(path):\(line)"
        if let scalar = node.scalar { return try text(scalar, name, place) }
        guard let items = node.sequence else {
            throw ConfigurationError(place, "\(name) must be a value or a list of values")
        }
        guard SettingTable.named(name)?.form.isList ?? false else {
            throw ConfigurationError(place, "\(name) is a list; it must be one value")
        }
        var texts: [String] = []
        for item in items {
            guard let scalar = item.scalar, let text = try text(scalar, name, place), !text.isEmpty
            else {
                throw ConfigurationError(
                    place, "\(name) must be a list of texts",
                    hint: name == "data" ? "A weight stands behind its file: a.jsonl=2" : nil)
            }
            texts.append(text)
        }
        return texts.joined(separator: ",")
    }

    /// A scalar as it is written; `nil` for nothing, and for YAML's null.
    private func text(
        _ scalar: Node.Scalar, _ name: String, _ place: String
    ) throws(ConfigurationError) -> String? {
        let tag = scalar.tag.rawValue
        guard ["", "!"].contains(tag) || Self.plainTags.contains(tag) else {
            throw ConfigurationError(
                place, "\(name) has the tag \(tag), which means nothing here",
                hint: "Write the value itself")
        }
        let isQuoted = scalar.style == .singleQuoted || scalar.style == .doubleQuoted
        if !isQuoted, Self.nulls.contains(scalar.string) { return nil }
        if scalar.style == .literal || scalar.style == .folded {
            let text = scalar.string.trimmingCharacters(in: .newlines)
            guard !text.contains(where: \.isNewline) else {
                throw ConfigurationError(place, "\(name) runs over several lines")
            }
            return text
        }
        if !isQuoted, Self.isMisread(scalar.string, in: name) {
            throw ConfigurationError(
                place, "\(name) is \(scalar.string), which YAML takes for true or false",
                hint: "Put it in quotes if it is a name, or leave the line out if nothing is meant")
        }
        return scalar.string
    }

    private static let plainTags = Set(
        ["str", "int", "float", "bool", "null"].map { "tag:yaml.org,2002:\($0)" })
    private static let nulls: Set<String> = ["", "~", "null", "Null", "NULL"]

    /// Whether an unquoted text would be taken for nothing or for a truth value, where any text is one.
    static func isMisread(_ text: String, in name: String) -> Bool {
        SettingTable.named(name)?.form.takesAnyText ?? false
            && (nulls.contains(text)
                || ["true", "false", "yes", "no", "on", "off"].contains(text.lowercased()))
    }

    // MARK: What is wrong

    /// Names that are no settings, all in one message.
    private func unknown(_ strangers: Strangers) -> ConfigurationError {
        let shown = strangers.names.enumerated().map { index, stranger in
            let line = index == 0 ? "" : "line \(stranger.line): "
            let isNested = stranger.name.contains(".") ? " (settings are not nested)" : ""
            return "\(line)'\(stranger.name)' is not a setting\(isNested)"
                + SettingAdvice.clause(for: stranger.name)
        }
        let more = strangers.areMore ? "; and more" : ""
        return ConfigurationError(
            "\(path):\(strangers.names[0].line)", shown.joined(separator: "; ") + more,
            hint: SettingAdvice.whereToLook)
    }

    /// What the parser says, with its line and without a picture of it.
    private func broken(_ error: any Error, _ yaml: String) -> ConfigurationError {
        guard let error = error as? YamlError else {
            return ConfigurationError(path, "is not YAML (\(error))")
        }
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
            let lines = yaml.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            let hasTab =
                lines.indices.contains(mark.line - 1) && lines[mark.line - 1].contains("\t")
            return ConfigurationError(
                "\(path):\(mark.line)", "is not YAML: \(problem)",
                hint: hasTab ? "YAML has no tabs before a name: write blanks" : nil)
        case .composer(_, let problem, let mark, _):
            let isSecond = problem.contains("another document")
            return ConfigurationError(
                "\(path):\(mark.line)",
                isSecond ? "a second document begins" : "is not YAML: \(problem)",
                hint: isSecond ? "One run has one document: leave --- out" : nil)
        case .duplicatedKeysInMapping(let names, let context):
            return ConfigurationError(
                "\(path):\(context.mark.line)",
                "\(names.joined(separator: ", ")) is given twice")
        default: return ConfigurationError(path, "is not YAML (\(error))")
        }
    }
}

/// The first names of a file that are no settings.
///
/// Aliases make a mapping far larger than its file, so it is only walked as far as is told.
private struct Strangers {
    private(set) var names: [(name: String, line: Int)] = []
    /// Whether there are others.
    private(set) var areMore = false
    private static let most = 12
    private static let deepest = 8

    mutating func add(_ name: String, line: Int) {
        guard names.count < Self.most else {
            areMore = true
            return
        }
        names.append((name, line))
    }

    /// Adds the leaves of a mapping, their names joined by dots.
    mutating func add(namesIn node: Node, below prefix: String, line: Int, depth: Int = 1) {
        guard let mapping = node.mapping, !mapping.isEmpty, depth < Self.deepest else {
            return add(prefix, line: line)
        }
        for (key, value) in mapping {
            guard !areMore else { return }
            add(
                namesIn: value, below: "\(prefix).\(key.scalar?.string ?? "?")",
                line: key.mark?.line ?? line, depth: depth + 1)
        }
    }
}
