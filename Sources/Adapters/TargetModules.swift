import Foundation
import JSON
public import ModelFiles
import Tokenization

/// Names of modules, as PEFT's `target_modules` and `exclude_modules` say them.
public enum TargetModules: Sendable, Equatable {
    /// A module is meant if its path is a name or ends in "." and a name.
    case names([String])
    /// A regular expression of Python's that the whole path must match.
    case pattern(String)
    /// Every linear projection of the decoder layers.
    case allLinear

    /// PEFT's default for a family; for Phi-3, of which PEFT has none, the fused projection.
    ///
    /// Source: peft, `utils/constants.py`.
    public static func standard(_ family: DecoderFamily) -> TargetModules {
        let kinds: [ProjectionKind] =
            family.modules[.queryKeyValue] == nil ? [.query, .value] : [.queryKeyValue]
        return .names(kinds.compactMap { family.shortName(of: $0) }.sorted())
    }

    /// From a list separated by commas, or the word `all-linear`.
    ///
    /// - Parameters:
    ///   - flag: Names of modules (`q_proj`, `mlp.c_proj`), or ``shortNames``, which stand for the
    ///     modules that the family has.
    ///   - family: Of the model that is adapted.
    /// - Throws: ``AdapterError`` for a short name of what the family has as a part of a module only.
    public init(flag: String, of family: DecoderFamily) throws(AdapterError) {
        let names = flag.split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        guard names != ["all-linear"] else {
            self = .allLinear
            return
        }
        var modules: Set<String> = []
        for name in names where !name.isEmpty {
            modules.insert(
                try Self.shortNames[name].map { kind throws(AdapterError) in
                    try Self.module(kind, called: name, of: family)
                } ?? name)
        }
        self = .names(modules.sorted())
    }

    /// What projections are called in every family.
    public static let shortNames: [String: ProjectionKind] = [
        "q": .query, "k": .key, "v": .value, "qkv": .queryKeyValue, "o": .output, "gate": .gate,
        "up": .up, "gate-up": .gateUp, "down": .down,
    ]

    /// The name of a projection's module that no other projection has.
    private static func module(
        _ kind: ProjectionKind, called short: String, of family: DecoderFamily
    ) throws(AdapterError) -> String {
        guard let path = family.modules[kind], let name = family.shortName(of: kind) else {
            guard let whole = kind.whole, let name = family.shortName(of: whole),
                let wholeShort = shortNames.first(where: { $0.value == whole })?.key
            else { throw ModuleChoice.nothingMatches(short, "--targets", family) }
            throw AdapterError(
                "--targets", "'\(short)' is a part of \(name), which is adapted as a whole",
                hint: "Write \(wholeShort)")
        }
        return family.projections.count { family.shortName(of: $0) == name } == 1 ? name : path
    }

    /// From the value in `adapter_config.json`; `nil` if it is neither a list of names nor a
    /// pattern.
    init?(json: JSONValue?) {
        switch json {
        case .text(let text) where text.lowercased() == "all-linear": self = .allLinear
        case .text(let text) where !text.isEmpty: self = .pattern(text)
        case .array(let values) where !values.isEmpty:
            let names = values.compactMap(\.string)
            guard names.count == values.count else { return nil }
            self = .names(names)
        default: return nil
        }
    }

    /// The value for `adapter_config.json`.
    var json: JSONValue {
        switch self {
        case .names(let names): names.sorted().json
        case .pattern(let text): .text(text)
        case .allLinear: "all-linear"
        }
    }

    /// As one would give it on the command line.
    public var description: String {
        switch self {
        case .names(let names): names.joined(separator: ",")
        case .pattern(let text): text
        case .allLinear: "all-linear"
        }
    }

    /// The projections of a model that are meant.
    ///
    /// - Parameter origin: The flag or file that names them, for the message.
    /// - Throws: ``AdapterError`` if a name matches nothing.
    public func projections(
        in configuration: DecoderConfiguration, origin: String
    ) throws(AdapterError) -> [(layer: Int, kind: ProjectionKind)] {
        let found = try ModuleChoice(targets: self).find(in: configuration, origin: origin)
        if let name = found.unmatched.first {
            throw ModuleChoice.nothingMatches(name, origin, configuration.family)
        }
        return found.projections
    }

    /// Whether a name of a list means the module of this path.
    public static func matches(_ path: String, _ name: String) -> Bool {
        path == name || path.hasSuffix("." + name)
    }

    /// Tells whether a module's path is meant.
    ///
    /// - Throws: ``AdapterError`` if the pattern cannot be compiled.
    func matcher(origin: String) throws(AdapterError) -> Matcher {
        guard case .pattern(let text) = self else { return Matcher(modules: self) }
        do {
            return Matcher(modules: self, expression: try PythonExpression(text, at: origin))
        } catch {
            throw AdapterError(error.location, error.problem, hint: error.hint)
        }
    }

    /// ``TargetModules``, ready to match.
    struct Matcher {
        let modules: TargetModules
        var expression: PythonExpression?

        func matches(_ path: String) throws(AdapterError) -> Bool {
            switch modules {
            case .names(let names): return names.contains { TargetModules.matches(path, $0) }
            case .pattern:
                do {
                    return try expression?.matchesWhole(path) ?? false
                } catch {
                    throw AdapterError(error.location, error.problem)
                }
            case .allLinear: return true
            }
        }
    }
}
