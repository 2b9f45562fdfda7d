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
        let section = try rotarySection()
        var rotary = RotaryConfiguration(theta: theta)
        var rotatedPart = part
        if let section {
            rotary = try section.sectionRotary(
                theta: theta, positions: decoder.maximumPositions)
            rotatedPart = try section.positive("partial_rotary_factor", default: part)
            try section.refuseUnreadRotary(decoder)
        }
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
        if sections != nil, has("rope_scaling") {
            throw failure("has both rope_parameters and rope_scaling")
        }
        var full = RotaryConfiguration(theta: theta)
        var local = RotaryConfiguration(theta: localTheta)
        let scaling = try object("rope_scaling")
        if let section = try sections?.object("full_attention") ?? scaling {
            full = try section.sectionRotary(theta: theta, positions: 0)
            try section.refuseUnreadRotary(decoder)
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
    /// `rope_parameters`, or by its older name `rope_scaling`.
    ///
    /// - Throws: ``ModelFileError`` if both are there and differ.
    private func rotarySection() throws(ModelFileError) -> ConfigurationObject? {
        let (newer, older) = (try object("rope_parameters"), try object("rope_scaling"))
        if let newer, let older, !newer.isSame(as: older) {
            throw failure(
                "rope_parameters and rope_scaling are two different things",
                hint: "Take the wrong one out")
        }
        return newer ?? older
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
