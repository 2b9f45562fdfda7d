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
        let key = has("rope_parameters") ? "rope_parameters" : "rope_scaling"
        let section = try object(key)
        var rotary = RotaryConfiguration(theta: theta)
        var rotatedPart = part
        if let section {
            rotary = try section.sectionRotary(
                theta: theta, positions: decoder.maximumPositions)
            rotatedPart = try section.positive("partial_rotary_factor", default: part)
        }
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
    func rotaryOfLayerTypes() throws(ModelFileError) -> (
        full: RotaryConfiguration, local: RotaryConfiguration
    ) {
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
        if let section = try sections?.object("full_attention") ?? scaling {
            full = try section.sectionRotary(theta: theta, positions: 0)
        }
        if let section = try sections?.object("sliding_attention") {
            local = try section.sectionRotary(theta: localTheta, positions: 0)
        }
        return (full, local)
    }

    /// One section's base and scaling.
    ///
    /// - Parameter positions: What a llama3 scaling was trained on where the section does not tell.
    private func sectionRotary(
        theta: Double, positions: Int
    ) throws(ModelFileError) -> RotaryConfiguration {
        let type =
            has("rope_type")
            ? try text("rope_type", default: nil) : try text("type", default: "default")
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
