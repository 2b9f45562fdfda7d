public import ModelFiles
import Tokenization

/// Which projections of a model an adapter has, as `adapter_config.json` says it.
///
/// Source: peft, `tuners/tuners_utils.py` (`check_target_module_exists`).
public struct ModuleChoice: Sendable, Equatable {
    public var targets: TargetModules
    /// `exclude_modules`: left out whatever `targets` says; `nil` for none.
    public var excluded: TargetModules?
    /// `layers_to_transform`: numbers of the layers that are meant; `nil` for all.
    public var layers: [Int]?
    /// `layers_pattern`: what the list of layers is called; empty for any name.
    public var layersNames: [String] = []

    public init(targets: TargetModules) { self.targets = targets }

    /// What was found in a model.
    public struct Found: Sendable {
        public let projections: [(layer: Int, kind: ProjectionKind)]
        /// Names among the targets that match nothing.
        public let unmatched: [String]
    }

    /// The projections that are meant.
    ///
    /// - Parameter origin: The flag or file that names them, for the message.
    /// - Throws: ``AdapterError`` if nothing is meant, or something that is no projection of a
    ///   layer.
    public func find(
        in model: DecoderConfiguration, origin: String
    ) throws(AdapterError) -> Found {
        let family = model.family
        let targets = try targets.matcher(origin: origin)
        let excluded = try excluded?.matcher(origin: origin)
        try refuseOthers(targets, excluded, family, origin)
        let hasLayers = try self.hasLayers(family, origin)
        var projections: [(layer: Int, kind: ProjectionKind)] = []
        var matched: Set<String> = []
        for layer in 0..<model.layerCount {
            for kind in family.projections {
                let path = family.path(of: kind, layer: layer)
                let names = self.targets.names { TargetModules.matches(path, $0) }
                matched.formUnion(names)
                guard try targets.matches(path), try !(excluded?.matches(path) ?? false) else {
                    continue
                }
                // A whole path is meant whatever the layers are.
                let isMeant = layers.map { $0.contains(layer) && hasLayers } ?? true
                guard isMeant || names.contains(path) else { continue }
                projections.append((layer, kind))
            }
        }
        let unmatched = self.targets.names { !matched.contains($0) }
        guard !projections.isEmpty else {
            throw Self.nothingMatches(
                unmatched.first ?? self.targets.description, origin, family)
        }
        return Found(projections: projections, unmatched: unmatched)
    }

    /// Refuses targets that PEFT adapts and we do not.
    private func refuseOthers(
        _ targets: TargetModules.Matcher, _ excluded: TargetModules.Matcher?,
        _ family: DecoderFamily, _ origin: String
    ) throws(AdapterError) {
        guard self.targets != .allLinear else { return }
        for path in [family.embedding, family.positionEmbedding, family.head].compactMap({ $0 }) {
            guard try targets.matches(path), try !(excluded?.matches(path) ?? false) else {
                continue
            }
            throw AdapterError(
                origin,
                "'\(self.targets.description)' means \(path) too, which is not adapted here",
                hint: Self.advice(family))
        }
    }

    /// Whether `layers_pattern`, if there is one, names the list of layers.
    private func hasLayers(
        _ family: DecoderFamily, _ origin: String
    ) throws(AdapterError) -> Bool {
        guard !layersNames.isEmpty else { return true }
        guard let dot = family.layers.lastIndex(of: ".") else { return false }
        let name = String(family.layers[family.layers.index(after: dot)...])
        for pattern in layersNames {
            if try TargetModules.pattern(pattern).matcher(origin: origin).matches(name) {
                return true
            }
        }
        return false
    }

    static func nothingMatches(
        _ name: String, _ origin: String, _ family: DecoderFamily
    ) -> AdapterError {
        AdapterError(
            origin, "'\(name)' matches no projection of this model", hint: advice(family))
    }

    private static func advice(_ family: DecoderFamily) -> String {
        var names: [String] = []
        for name in family.projections.compactMap(family.shortName) where !names.contains(name) {
            names.append(name)
        }
        return "Choose among \(names.joined(separator: ", ")), or all-linear"
    }
}

extension TargetModules {
    /// The names, if it is a list of them, that `body` accepts.
    fileprivate func names(where body: (String) -> Bool) -> [String] {
        if case .names(let names) = self { names.filter(body) } else { [] }
    }
}
