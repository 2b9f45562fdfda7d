import Foundation
public import ModelFiles

/// Which projections are adapted, as PEFT's `target_modules` says it.
public enum TargetModules: Sendable, Equatable {
    /// A module is meant if its path is a name or ends in "." and a name.
    case names([String])
    /// A regular expression that the whole path must match.
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
    public init(flag: String) {
        let names = flag.split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        self =
            names == ["all-linear"] ? .allLinear : .names(names.filter { !$0.isEmpty }.sorted())
    }

    /// From the value in `adapter_config.json`.
    init?(json: Any?) {
        switch json {
        case let text as String where text == "all-linear": self = .allLinear
        case let text as String: self = .pattern(text)
        case let list as [String] where !list.isEmpty: self = .names(list)
        default: return nil
        }
    }

    /// The value for `adapter_config.json`.
    var json: String {
        switch self {
        case .names(let names): "[" + names.sorted().map(quoted).joined(separator: ", ") + "]"
        case .pattern(let text): quoted(text)
        case .allLinear: quoted("all-linear")
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
        let modules = (0..<configuration.layerCount).flatMap { layer in
            configuration.family.projections.map { (layer: layer, kind: $0) }
        }
        func path(_ module: (layer: Int, kind: ProjectionKind)) -> String {
            configuration.family.path(of: module.kind, layer: module.layer)
        }
        switch self {
        case .allLinear: return modules
        case .names(let names):
            for name in names
            where !modules.contains(where: { Self.matches(path($0), name) }) {
                throw nothingMatches(name, origin, configuration.family)
            }
            guard !names.isEmpty else { throw nothingMatches("", origin, configuration.family) }
            return modules.filter { module in
                names.contains { Self.matches(path(module), $0) }
            }
        case .pattern(let text):
            guard let expression = try? NSRegularExpression(pattern: "^(?:\(text))$") else {
                throw AdapterError(origin, "'\(text)' is not a regular expression")
            }
            let found = modules.filter { module in
                let name = path(module)
                let range = NSRange(name.startIndex..., in: name)
                return expression.firstMatch(in: name, range: range) != nil
            }
            guard !found.isEmpty else { throw nothingMatches(text, origin, configuration.family) }
            return found
        }
    }

    private static func matches(_ path: String, _ name: String) -> Bool {
        path == name || path.hasSuffix("." + name)
    }

    private func nothingMatches(
        _ name: String, _ origin: String, _ family: DecoderFamily
    ) -> AdapterError {
        var names: [String] = []
        for name in family.projections.compactMap(family.shortName) where !names.contains(name) {
            names.append(name)
        }
        let kinds = names.joined(separator: ", ")
        return AdapterError(
            origin, "'\(name)' matches no projection of this model",
            hint: "Choose among \(kinds), or all-linear")
    }
}
