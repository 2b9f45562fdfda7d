import Foundation
import ProgressReports

/// A kind of values: how they are read from text and written.
struct SettingKind<Value: Sendable>: Sendable {
    var form = SettingForm()
    /// - Parameter flag: For the message.
    let read: @Sendable (_ text: String, _ flag: String) throws(ConfigurationError) -> Value
    /// `nil` for what is not kept in `run.yaml`.
    let write: @Sendable (Value) -> String?

    /// The same with another look.
    func formed(_ change: (inout SettingForm) -> Void) -> SettingKind {
        var kind = self
        change(&kind.form)
        return kind
    }

    /// With commas between its elements.
    var list: SettingKind { formed { $0.isList = true } }
    /// Given as many flags, each with one element.
    var repeated: SettingKind { formed { ($0.isList, $0.isRepeatable) = (true, true) } }

    /// What is read by an initializer that tells a wrong text by `nil`.
    ///
    /// - Parameter wanted: The rest of a sentence: "it must be …".
    static func parsed(
        _ wanted: String, _ read: @escaping @Sendable (String) -> Value?,
        _ write: @escaping @Sendable (Value) -> String?
    ) -> SettingKind {
        SettingKind(
            read: { text, flag throws(ConfigurationError) in
                guard let value = read(text) else {
                    throw ConfigurationError(flag, "is '\(text)'; it must be \(wanted)")
                }
                return value
            }, write: write)
    }
}

extension SettingKind where Value == String {
    static var text: SettingKind {
        SettingKind(
            read: { text, _ throws(ConfigurationError) in text },
            write: { $0 })
    }

    /// A name that cannot be checked before there is a model.
    static var freeText: SettingKind { text.formed { $0.takesAnyText = true } }

    /// A file or folder; neither `~` nor `$` is filled in.
    static var path: SettingKind { SettingKind<String>.text.asPath }
}

extension SettingKind {
    /// Of texts that name files.
    var asPath: SettingKind {
        formed { ($0.isPath, $0.takesAnyText) = (true, true) }
    }
}

extension SettingKind where Value == Bool {
    /// A flag without a value; `true` or `false` in `run.yaml`.
    static var flag: SettingKind { words("true", "false").formed { $0.isSwitch = true } }
    static var onOff: SettingKind {
        words("on", "off").formed { $0.choices = ["on", "off"] }
    }

    private static func words(_ yes: String, _ no: String) -> SettingKind {
        .parsed(
            "\(yes) or \(no)",
            { text in
                switch text.lowercased() {
                case "on", "true", "yes": true
                case "off", "false", "no": false
                default: nil
                }
            }, { $0 ? yes : no })
    }
}

extension SettingKind
where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// One of the names of an enumeration.
    static var choice: SettingKind {
        let names = Value.allCases.map(\.rawValue)
        return SettingKind(
            read: { text, flag throws(ConfigurationError) in
                guard let value = Value(rawValue: text) else {
                    throw ConfigurationError(
                        flag, "is '\(text)'; choose among \(names.joined(separator: ", "))",
                        hint: SettingAdvice.advice(
                            forValue: text, of: String(flag.drop { $0 == "-" })))
                }
                return value
            }, write: { $0.rawValue }
        ).formed { $0.choices = names }
    }
}

extension SettingKind {
    /// With the word `auto` for none of them.
    var orAuto: SettingKind<Value?> {
        var form = form
        form.choices = ["auto"] + form.choices
        return SettingKind<Value?>(
            form: form,
            read: { text, flag throws(ConfigurationError) in
                text == "auto" ? nil : try read(text, flag)
            }, write: { $0.flatMap(write) })
    }
}

extension SettingKind where Value == CollectorAddress {
    /// `HOST:PORT`.
    static var address: SettingKind {
        SettingKind(
            read: { text, flag throws(ConfigurationError) in
                do throws(ProgressError) {
                    return try CollectorAddress(text, flag: flag)
                } catch {
                    throw ConfigurationError(error.location, error.problem, hint: error.hint)
                }
            }, write: { $0.description }
        ).formed { $0.takesAnyText = true }
    }
}

extension SettingKind where Value == Set<String> {
    /// Names of settings. They hold for one job, and are not kept.
    static var settingNames: SettingKind {
        SettingKind(
            read: { text, flag throws(ConfigurationError) in
                let names = text.split(separator: ",").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                if let stranger = names.first(where: { !SettingTable.hasFingerprint(named: $0) }) {
                    throw ConfigurationError(
                        flag,
                        "'\(stranger)' is not a setting" + SettingAdvice.clause(for: stranger),
                        hint: "Use a flag's name, as steps")
                }
                return Set(names)
            }, write: { _ in nil }
        ).formed { ($0.isList, $0.isRepeatable, $0.takesAnyText) = (true, true, true) }
    }
}
