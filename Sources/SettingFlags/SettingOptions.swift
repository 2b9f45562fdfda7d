public import ArgumentParser
public import RunSettings

/// Which settings a program takes as flags.
public protocol SettingSelection {
    static var settings: [SettingDescription] { get }
}

/// Flags of settings, made of ``SettingTable``: names, help, defaults and completion stand there.
///
/// All values are text: they are checked by ``SettingValues``, as those of `run.yaml` are, so that a
/// wrong value ends with exit code 78 on every rank alike. Numbers are taken unconditionally: -1 is a
/// wrong value, not an unknown flag.
///
/// ArgumentParser learns what there is to parse from a mirror of the type, and decodes what it found
/// by the same names; so the options need not be properties.
public struct SettingOptions<Selection: SettingSelection>: ParsableArguments, CustomReflectable {
    /// What was given, by the settings' names.
    public private(set) var texts: [String: String] = [:]

    public init() {}

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: SettingName.self)
        for setting in Selection.settings {
            texts[setting.name] = try setting.text(in: values)
        }
    }

    public var customMirror: Mirror {
        Mirror(
            self,
            children: Selection.settings.map { (label: $0.name, value: $0.option) })
    }
}

/// A setting's name as the parser files its value.
private struct SettingName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension SettingDescription {
    /// The flag, as the parser wants it described.
    fileprivate var option: Any {
        let flag = NameSpecification.customLong(name)
        let help = ArgumentHelp("\(fullHelp)", valueName: valueName)
        if form.isSwitch { return Flag(wrappedValue: false, name: flag, help: help) }
        if form.isRepeatable {
            return Option<[String]>(
                wrappedValue: [], name: flag, parsing: .unconditionalSingleValue, help: help)
        }
        return Option<String?>(
            wrappedValue: nil, name: flag, parsing: form.isNumber ? .unconditional : .next,
            help: help, completion: completion)
    }

    private var completion: CompletionKind? {
        form.isPath ? .file() : form.choices.isEmpty ? nil : .list(form.choices)
    }

    /// What was given; `nil` for nothing.
    fileprivate func text(in values: KeyedDecodingContainer<SettingName>) throws -> String? {
        let key = SettingName(stringValue: name)
        if form.isSwitch {
            return try values.decode(Flag<Bool>.self, forKey: key).wrappedValue ? "true" : nil
        }
        if form.isRepeatable {
            let texts = try values.decode(Option<[String]>.self, forKey: key).wrappedValue
            return texts.isEmpty ? nil : texts.joined(separator: ",")
        }
        return try values.decode(Option<String?>.self, forKey: key).wrappedValue
    }
}
