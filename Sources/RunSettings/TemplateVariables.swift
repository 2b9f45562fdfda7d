import ChatTemplates
import Faults
import Foundation
public import JSON

/// Variables of a chat template, as `--template-set` gives them.
public struct TemplateVariables: Sendable, Equatable {
    /// As given; empty for none.
    public let text: String
    public let values: JSONObject

    /// Reads `NAME=VALUE`, or several with commas between.
    ///
    /// A value is JSON (`false`, `3`, `"text"`, `["a", "b"]`), one of Python's `True`, `False` and
    /// `None`, or else a text.
    ///
    /// - Throws: ``ConfigurationError`` naming `flag` for what is no name or given twice, and for
    ///   words such as `off`, which a template would take for a text that is there.
    public init(_ text: String, flag: String) throws(ConfigurationError) {
        self.text = text
        var values = JSONObject([])
        for item in Self.items(of: text) {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmed
            guard parts.count == 2, Self.isName(name) else {
                throw ConfigurationError(
                    flag, "is '\(item)'; it must be a name and a value, as enable_thinking=false")
            }
            guard values[name] == nil else {
                throw ConfigurationError(flag, "sets \(name) twice", hint: "Leave one of them out")
            }
            guard !Conversation.isReserved(name) else {
                throw ConfigurationError(flag, "sets \(name), which the data and the model decide")
            }
            values.set(name, try Self.value(parts[1].trimmed, of: name, flag: flag))
        }
        self.values = values
    }

    private static func value(
        _ text: String, of name: String, flag: String
    ) throws(ConfigurationError) -> JSONValue {
        switch text {
        case "True": return .boolean(true)
        case "False": return .boolean(false)
        case "None": return .null
        default: break
        }
        guard
            !["on", "off", "yes", "no", "true", "false", "none", "null"].contains(text.lowercased())
                || ["true", "false", "null"].contains(text)
        else {
            throw ConfigurationError(
                flag, "gives \(name) the value '\(text)', which could mean two things",
                hint: "Write true or false, or the text in quotes: '\(name)=\"\(text)\"'")
        }
        return JSONValue(text: text) ?? .text(text)
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            $0 == 0x5F || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20)
        }
    }

    /// Cut at commas outside of quotes and brackets.
    private static func items(of text: String) -> [String] {
        var items = [""]
        var depth = 0
        var isQuoted = false
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if scalar == ",", depth == 0, !isQuoted {
                items.append("")
                continue
            }
            items[items.count - 1].unicodeScalars.append(scalar)
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\", isQuoted {
                isEscaped = true
            } else if scalar == "\"" {
                isQuoted.toggle()
            } else if !isQuoted {
                depth += "[{".unicodeScalars.contains(scalar) ? 1 : 0
                depth -= "]}".unicodeScalars.contains(scalar) ? 1 : 0
            }
        }
        return items == [""] ? [] : items
    }
}

extension SettingKind where Value == TemplateVariables {
    static var templateVariables: SettingKind {
        SettingKind(
            read: { text, flag throws(ConfigurationError) in
                try TemplateVariables(text, flag: flag)
            }, write: { $0.text }
        ).repeated
    }
}

extension Substring {
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
