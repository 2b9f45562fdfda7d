import Adapters
import ModelFiles

/// A linear projection of every layer of a model, or a part of a fused one.
public struct ShapeTarget: Sendable, Equatable {
    let kind: ProjectionKind
    /// Path inside a layer as transformers names it, e.g. `self_attn.q_proj`; of a part that of the
    /// whole with its short name, e.g. `attn.c_attn[q]`.
    public let path: String
    public let inputs: Int
    public let outputs: Int

    /// One of ``TargetModules/shortNames``.
    var shortName: String {
        TargetModules.shortNames.first { $0.value == kind }?.key ?? kind.rawValue
    }

    func isMeant(by name: String) -> Bool {
        name == shortName || TargetModules.matches(path, name)
    }
}

extension DecoderConfiguration {
    /// The projections of a layer, as the family's files have them.
    var linearProjections: [ShapeTarget] {
        family.projections.map { kind in target(kind, path: family.modules[kind] ?? "") }
    }

    /// Parts of fused projections, which can be adapted by themselves, as in loralib's
    /// `MergedLinear`; none where projections are separate.
    private var partsOfProjections: [ShapeTarget] {
        ProjectionKind.allCases.compactMap { kind in
            guard let whole = kind.whole, let path = family.modules[whole] else { return nil }
            let part = target(kind, path: path)
            return target(kind, path: "\(path)[\(part.shortName)]")
        }
    }

    private func target(_ kind: ProjectionKind, path: String) -> ShapeTarget {
        let (outputs, inputs) = size(of: kind)
        return ShapeTarget(kind: kind, path: path, inputs: inputs, outputs: outputs)
    }

    /// The projections of a layer that `--targets` means.
    ///
    /// Unlike a run, whose adapters have fused projections as a whole, a shape may have parts of them.
    ///
    /// - Parameter flag: Names separated by commas: short ones (`q`), module names (`q_proj`) or
    ///   paths inside a layer (`mlp.c_proj`); or `all-linear`.
    /// - Returns: Each once, in the order of the family.
    /// - Throws: ``OperationsError`` if a name means nothing, or a part and its whole are both named.
    func shapeTargets(_ flag: String) throws(OperationsError) -> [ShapeTarget] {
        let names = flag.split(separator: ",").map { String($0).trimmed }
        if names == ["all-linear"] { return linearProjections }
        let all = linearProjections + partsOfProjections
        guard !names.isEmpty else {
            throw OperationsError("--targets", "is empty", hint: Self.advice(all))
        }
        for name in names where !all.contains(where: { $0.isMeant(by: name) }) {
            throw OperationsError(
                "--targets", "'\(name)' is no projection of this model",
                hint: Self.advice(all))
        }
        let chosen = all.filter { names.contains(where: $0.isMeant) }
        for part in chosen {
            guard let whole = chosen.first(where: { $0.kind == part.kind.whole }) else { continue }
            throw OperationsError(
                "--targets", "names \(whole.path) and its part '\(part.shortName)'",
                hint: "Name the whole or its parts")
        }
        return chosen
    }

    private static func advice(_ targets: [ShapeTarget]) -> String {
        let names = targets.map(\.shortName) + targets.map(\.path).filter { !$0.hasSuffix("]") }
        return "Choose among \(names.joined(separator: ", ")), or all-linear"
    }
}

extension String {
    /// Without spaces at its ends.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
