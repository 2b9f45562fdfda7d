public import Faults
import JSON
public import ModelFiles
import Transformer

/// What `adapter_config.json` says of a LoRA adapter.
///
/// PEFT writes every field of its configuration class, so keys that this software does not know are
/// ignored while they hold PEFT's default and refused by name otherwise: silently dropping, say,
/// `use_dora` would load another model.
public struct AdapterConfiguration: Sendable, Equatable {
    public var adapterRank: Int
    public var alpha: Double
    /// Which modules are adapted.
    public var modules: ModuleChoice
    /// A note for the reader; shapes decide whether an adapter fits.
    public var baseModel: String?
    /// `fan_in_fan_out`: PEFT notes so that the base model's weights lie transposed; it changes
    /// nothing about the adapter's own.
    public var baseIsTransposed = false
    /// `lora_dropout`: told to the reader, not applied.
    public private(set) var dropout = 0.0

    /// Names, or a pattern, of the adapted modules.
    public var targets: TargetModules { modules.targets }

    public init(adapterRank: Int, alpha: Double, targets: TargetModules, baseModel: String?) {
        self.adapterRank = adapterRank
        self.alpha = alpha
        modules = ModuleChoice(targets: targets)
        self.baseModel = baseModel
    }

    /// Reads `adapter_config.json`.
    ///
    /// - Throws: ``AdapterError`` naming the file and the key.
    public init(path: String) throws(AdapterError) {
        let fields = try Self.fields(path)
        guard case .text("LORA")? = fields["peft_type"] else {
            throw Self.otherKind(fields, path)
        }
        guard case .integer(let rank)? = fields["r"], rank > 0 else {
            throw AdapterError(path, "r must be a positive integer")
        }
        guard let alpha = fields["lora_alpha"]?.double, alpha.isFinite else {
            throw AdapterError(path, "lora_alpha must be a number")
        }
        guard let targets = TargetModules(json: fields["target_modules"]) else {
            throw AdapterError(path, "target_modules must be a list of names or a pattern")
        }
        self.init(
            adapterRank: rank, alpha: alpha, targets: targets,
            baseModel: fields["base_model_name_or_path"]?.string)
        dropout = fields["lora_dropout"]?.double ?? 0
        baseIsTransposed = fields["fan_in_fan_out"] == .boolean(true)
        try modules.read(fields, path)
        try Self.refuseUnknown(fields, path)
    }

    private static func fields(_ path: String) throws(AdapterError) -> JSONObject {
        do throws(ModelFileError) {
            guard case .object(let fields) = try JSONValue.read(path: path, maximumBytes: 16 << 20)
            else { throw ModelFileError("is not a JSON object", file: path) }
            return fields
        } catch {
            throw AdapterError(error.location, error.problem, hint: error.hint)
        }
    }

    /// What to say of a configuration that is not PEFT's of a LoRA adapter.
    private static func otherKind(_ fields: JSONObject, _ path: String) -> AdapterError {
        guard let type = fields["peft_type"] else {
            let isMLX = ["fine_tune_type", "lora_parameters", "lora_layers"].contains {
                fields[$0] != nil
            }
            return isMLX
                ? ForeignAdapter.mlx(path)
                : AdapterError(path, "peft_type is missing; supported: LORA")
        }
        return AdapterError(path, "peft_type is \(type.inOneLine); supported: LORA")
    }

    /// Checks that the numbers make sense for a model.
    ///
    /// - Parameter origin: The flags or the file that they come from.
    /// - Throws: ``AdapterError`` if the rank is beyond every dimension of a projection, or
    ///   `alpha / rank` is no float32.
    public func check(
        against model: DecoderConfiguration, origin: String
    ) throws(AdapterError) {
        let widest =
            model.family.projections.map { kind in
                let size = model.size(of: kind)
                return max(size.outputs, size.inputs)
            }.max() ?? 0
        guard adapterRank <= widest else {
            throw AdapterError(
                origin, "rank \(adapterRank) is more than any dimension of this model (\(widest))",
                hint: "Ranks from 4 to 64 are usual")
        }
        let scale = Float(alpha / Double(adapterRank))
        guard scale.isFinite, scale > 0 else {
            throw AdapterError(
                origin, "alpha / rank is \(alpha / Double(adapterRank)), beyond float32",
                hint: "An alpha of once or twice the rank is usual")
        }
    }

    /// `adapter_config.json` as PEFT reads it: the small core of keys that every version knows.
    public func json() -> [UInt8] {
        var fields: JSONObject = [
            "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": .integer(adapterRank),
            "lora_alpha": Int(exactly: alpha).map { .integer($0) } ?? .number(alpha),
            "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": .boolean(baseIsTransposed),
            "init_lora_weights": true, "inference_mode": true, "target_modules": targets.json,
        ]
        for (key, value) in modules.restrictions { fields[key] = value }
        fields.set("base_model_name_or_path", baseModel)
        return fields.memberLines()
    }
}

// MARK: Keys that are not read

extension AdapterConfiguration {
    /// Keys that ``init(path:)`` reads.
    private static let known: Set<String> = [
        "peft_type", "r", "lora_alpha", "target_modules", "exclude_modules",
        "layers_to_transform", "layers_pattern",
    ]

    /// Values that change nothing about what the adapter computes here.
    private static let notes: Set<String> = [
        "base_model_name_or_path", "revision", "inference_mode", "auto_mapping", "peft_version",
        "task_type", "lora_dropout", "runtime_config", "ephemeral_gpu_offload", "megatron_core",
        "qalora_group_size", "fan_in_fan_out",
        // How a start from the data's activations was found; the base model stays.
        "eva_config",
        // About modules to save and embeddings, which are refused.
        "ensure_weight_tying",
    ]

    /// Ways to start that leave the base model as it is.
    private static let harmlessStarts: Set<String> = ["gaussian", "orthogonal", "eva"]

    private static func refuseUnknown(
        _ fields: JSONObject, _ path: String
    ) throws(AdapterError) {
        for key in fields.keys.sorted() where !known.contains(key) && !notes.contains(key) {
            guard let value = fields[key], !isDefault(key, value) else { continue }
            throw AdapterError(
                path, "\(key) is \(value.inOneLine), which is not supported", hint: advice(key))
        }
    }

    /// PEFT's defaults of the other fields: off, empty, absent, or the word "none".
    ///
    /// Some ways to initialise change the base model too, so an adapter made by them is one for
    /// another model: only those that do not are taken.
    private static func isDefault(_ key: String, _ value: JSONValue) -> Bool {
        if key == "init_lora_weights" {
            switch value {
            case .null, .boolean: return true
            case .text(let name): return harmlessStarts.contains(name)
            default: return false
            }
        }
        return switch value {
        case .null, .boolean(false), .integer(0), .number(0): true
        case .text(let text): key == "bias" ? text == "none" : text.isEmpty
        case .array(let list): list.isEmpty
        case .object(let members): members.keys.isEmpty
        default: false
        }
    }

    private static func advice(_ key: String) -> String {
        switch key {
        case "init_lora_weights":
            "It has changed the base model: save the adapter with PEFT's "
                + "path_initial_model_for_weight_conversion"
        case "modules_to_save", "trainable_token_indices", "bias", "lora_bias":
            "Merge it into its base model with PEFT's merge_and_unload and use that as the model"
        default: "Train or convert the adapter without it"
        }
    }
}

extension JSONValue {
    /// The value in a message, cut where it is long.
    fileprivate var inOneLine: String {
        if case .text(let text) = self { return String(text.prefix(120)) }
        let words = String(decoding: encoded(), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        let line = words.joined(separator: " ")
        return line.count > 120 ? line.prefix(120) + "…" : line
    }
}

/// An adapter that cannot be used.
public struct AdapterError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    public init(
        _ location: String?, _ problem: String, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.location = location
        self.problem = problem
        self.hint = hint
        self.exitCode = exitCode
    }
}
