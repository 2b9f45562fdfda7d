import JSON
import Words

/// Rotary embedding in both spellings of `config.json`: transformers 4 (`rope_theta`,
/// `rope_scaling`) and 5 (`rope_parameters`).
extension ConfigurationObject {
    /// `rope_parameters` where it stands, else `rope_theta` with `rope_scaling`.
    ///
    /// - Parameters:
    ///   - theta: The base where no key tells it.
    ///   - part: The part of a head that is rotated where no key tells it.
    ///   - allowsPart: Whether the family can rotate a part of a head.
    func rotary(
        _ decoder: DecoderConfiguration, theta: Double = 10_000, part: Double = 1,
        allowsPart: Bool = false
    ) throws(ModelFileError) -> RotaryConfiguration {
        let theta = try positive("rope_theta", default: theta)
        let part = try positive("partial_rotary_factor", default: part)
        let sections = try rotarySections()
        let found = try sections.map { section throws(ModelFileError) in
            try section.rotation(decoder, theta: theta, part: part)
        }
        if let first = found.first, let last = found.last, !first.isSame(as: last) {
            throw differentRotations()
        }
        let section = sections.first
        var rotary = found.first?.rotary ?? RotaryConfiguration(theta: theta)
        let rotatedPart = found.first?.part ?? part
        try checkTrainedPositions(rotary)
        guard rotatedPart != 1 else { return rotary }
        guard allowsPart, rotatedPart < 1 else {
            throw (section ?? self).failure(
                "partial_rotary_factor \(rotatedPart) is not supported for this model_type")
        }
        let dimension = Int(Double(decoder.headDimension) * rotatedPart)
        guard dimension > 0 else {
            throw (section ?? self).failure(
                "partial_rotary_factor \(rotatedPart) leaves nothing of a head to be rotated")
        }
        rotary.dimension = dimension
        return rotary
    }

    /// The rotations of layers without and with a window: one section for each layer type, or
    /// `rope_theta`, `rope_scaling` and `rope_local_base_freq`.
    func rotaryOfLayerTypes(
        _ decoder: DecoderConfiguration
    ) throws(ModelFileError) -> (full: RotaryConfiguration, local: RotaryConfiguration) {
        let theta = try positive("rope_theta", default: 1_000_000)
        let localTheta = try positive("rope_local_base_freq", default: 10_000)
        let sections = try object("rope_parameters")
        if let sections, sections.has("rope_type") || sections.has("rope_theta") {
            throw sections.failure(
                "must have a section for full_attention and one for sliding_attention")
        }
        var full = RotaryConfiguration(theta: theta)
        var local = RotaryConfiguration(theta: localTheta)
        let scaling = try object("rope_scaling")
        let fullSection = try sections?.object("full_attention")
        if let section = fullSection ?? scaling {
            full = try section.sectionRotary(theta: theta, positions: 0)
            try section.refuseUnreadRotary(decoder)
        }
        if sections != nil, let scaling, !scaling.isEmpty {
            let other = try scaling.sectionRotary(theta: theta, positions: 0)
            try scaling.refuseUnreadRotary(decoder)
            guard full.turnsAlike(other) else { throw differentRotations() }
        }
        if let section = try sections?.object("sliding_attention") {
            local = try section.sectionRotary(theta: localTheta, positions: 0)
            try section.refuseUnreadRotary(decoder)
        }
        if let stranger = sections?.unread.first {
            throw failure("rope_parameters has a section for \(stranger.key.quoted)")
        }
        return (full, local)
    }

    /// One section's base and scaling.
    ///
    /// - Parameter positions: What a llama3 scaling was trained on where the section does not tell.
    private func sectionRotary(
        theta: Double, positions: Int
    ) throws(ModelFileError) -> RotaryConfiguration {
        let older = try text("type", default: "default")
        let type = try text("rope_type", default: older)
        guard !has("type") || type == older else {
            throw failure("rope_type is \(type.quoted), but type is \(older.quoted)")
        }
        let scaling: RotaryConfiguration.Scaling
        switch type {
        case "default": scaling = .none
        case "linear": scaling = .linear(factor: try positive("factor", default: nil))
        case "llama3": scaling = try llama3(positions: positions)
        default:
            throw failure(
                "rope_type \(type.quoted) is not supported; supported: default, linear, llama3")
        }
        return RotaryConfiguration(
            theta: try positive("rope_theta", default: theta), scaling: scaling)
    }

    private func llama3(positions: Int) throws(ModelFileError) -> RotaryConfiguration.Scaling {
        let low = try positive("low_freq_factor", default: nil)
        let high = try positive("high_freq_factor", default: nil)
        guard low < high else {
            throw failure("low_freq_factor \(low) must lie below high_freq_factor \(high)")
        }
        return .llama3(
            factor: try positive("factor", default: nil), lowFrequencyFactor: low,
            highFrequencyFactor: high,
            originalMaximumPositions: try count(
                "original_max_position_embeddings", default: positions > 0 ? positions : nil))
    }
}

extension ConfigurationObject {
    /// `rope_parameters`, and its older name `rope_scaling`; what is empty counts for nothing.
    private func rotarySections() throws(ModelFileError) -> [ConfigurationObject] {
        [try object("rope_parameters"), try object("rope_scaling")].compactMap(\.self)
            .filter { !$0.isEmpty }
    }

    /// transformers 4 knows only the older one, which wins in transformers 5.
    private func differentRotations() -> ModelFileError {
        failure(
            "rope_parameters and rope_scaling are two different things",
            hint: "Take the wrong one out; where one of them tells no rope_theta, the one beside "
                + "them counts, or else the family's own")
    }

    /// What a section says alone.
    private func rotation(
        _ decoder: DecoderConfiguration, theta: Double, part: Double
    ) throws(ModelFileError) -> Rotation {
        let rotary = try sectionRotary(theta: theta, positions: decoder.maximumPositions)
        let part = try positive("partial_rotary_factor", default: part)
        try refuseUnreadRotary(decoder)
        return Rotation(rotary: rotary, part: part)
    }

    /// transformers lets a number beside the section win over the one inside it.
    private func checkTrainedPositions(
        _ rotary: RotaryConfiguration
    ) throws(ModelFileError) {
        let key = "original_max_position_embeddings"
        let beside = try optionalCount(key)
        guard case .llama3(_, _, _, let positions) = rotary.scaling, let beside,
            beside != positions
        else { return }
        throw failure("\(key) is \(beside), but \(positions) counts for the rotation")
    }

    /// Refuses what a section says and nobody has read, unless it changes nothing.
    private func refuseUnreadRotary(_ decoder: DecoderConfiguration) throws(ModelFileError) {
        let type = try text("rope_type", default: text("type", default: "default"))
        for (key, value) in unread {
            let neutral = Self.neutralRotary[key] ?? .off
            guard !neutral.allows(PlainSetting(value), decoder) else { continue }
            let isTold = has("rope_type") || has("type")
            throw failure(
                "\(key) \(value.shown) means nothing to rope_type \(type.quoted)"
                    + (isTold ? "" : ", which counts where none is told"),
                hint: "Give the rope_type that is meant, or take the key out")
        }
    }

    /// Keys of other kinds of scaling, and the values with which they would change nothing.
    private static let neutralRotary: [String: NeutralValue] = [
        "original_max_position_embeddings": .always, "beta_fast": .always, "beta_slow": .always,
        "truncate": .always, "finetuned": .always, "low_freq_factor": .always,
        "high_freq_factor": .always, "factor": .one, "attention_factor": .one,
        "attn_factor": .one, "mscale": .one, "mscale_all_dim": .one,
        "partial_rotary_factor": .one,
    ]
}

/// A rotation and the part of a head that has it.
private struct Rotation {
    let rotary: RotaryConfiguration
    let part: Double

    func isSame(as other: Rotation) -> Bool {
        part == other.part && rotary.turnsAlike(other.rotary)
    }
}

extension RotaryConfiguration {
    /// Whether both are the same rotation, however it is written.
    fileprivate func turnsAlike(_ other: RotaryConfiguration) -> Bool {
        var (one, other) = (self, other)
        one.scaling = one.scaling.plain
        other.scaling = other.scaling.plain
        return one == other
    }
}

extension RotaryConfiguration.Scaling {
    /// A factor of 1 stretches nothing.
    fileprivate var plain: Self {
        switch self {
        case .linear(1), .llama3(1, _, _, _): .none
        default: self
        }
    }
}
