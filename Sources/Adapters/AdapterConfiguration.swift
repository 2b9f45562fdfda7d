public import Faults
import Foundation
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
    /// Names, or a pattern, of the adapted modules.
    public var targets: TargetModules
    /// A note for the reader; shapes decide whether an adapter fits.
    public var baseModel: String?
    /// `fan_in_fan_out`: PEFT notes so that the base model's weights lie transposed; it changes
    /// nothing about the adapter's own.
    public var baseIsTransposed = false
    /// `lora_dropout`: told to the reader, not applied.
    public private(set) var dropout = 0.0

    public init(adapterRank: Int, alpha: Double, targets: TargetModules, baseModel: String?) {
        self.adapterRank = adapterRank
        self.alpha = alpha
        self.targets = targets
        self.baseModel = baseModel
    }

    /// Values that change nothing about what the adapter computes here.
    private static let notes: Set<String> = [
        "base_model_name_or_path", "revision", "inference_mode", "auto_mapping", "peft_version",
        "task_type", "lora_dropout", "runtime_config", "ephemeral_gpu_offload", "megatron_core",
        "qalora_group_size", "fan_in_fan_out",
    ]

    /// Reads `adapter_config.json`.
    ///
    /// - Throws: ``AdapterError`` naming the file and the key.
    public init(path: String) throws(AdapterError) {
        let fields: [String: Any]
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            else { throw AdapterError(path, "is not a JSON object") }
            fields = object
        } catch let error as AdapterError {
            throw error
        } catch {
            throw AdapterError(path, "cannot be read as JSON (\(error.localizedDescription))")
        }
        guard fields["peft_type"] as? String == "LORA" else {
            let type = fields["peft_type"].map { "\($0)" } ?? "missing"
            throw AdapterError(path, "peft_type is \(type); supported: LORA")
        }
        guard let rank = fields["r"] as? Int, rank > 0 else {
            throw AdapterError(path, "r must be a positive integer")
        }
        guard let alpha = fields["lora_alpha"] as? Double, alpha.isFinite else {
            throw AdapterError(path, "lora_alpha must be a number")
        }
        guard let targets = TargetModules(json: fields["target_modules"]) else {
            throw AdapterError(path, "target_modules must be a list of names or a pattern")
        }
        self.init(
            adapterRank: rank, alpha: alpha, targets: targets,
            baseModel: fields["base_model_name_or_path"] as? String)
        dropout = fields["lora_dropout"] as? Double ?? 0
        baseIsTransposed = fields["fan_in_fan_out"] as? Bool ?? false
        try Self.refuseUnknown(fields, path)
    }

    private static func refuseUnknown(_ fields: [String: Any], _ path: String) throws(AdapterError)
    {
        let known: Set = ["peft_type", "r", "lora_alpha", "target_modules"]
        for key in fields.keys.sorted() where !known.contains(key) && !notes.contains(key) {
            guard let value = fields[key], !isDefault(key, value) else { continue }
            throw AdapterError(
                path, "\(key) is \(value), which is not supported",
                hint: "Train or convert the adapter without it")
        }
    }

    /// PEFT's defaults of the other fields: off, empty, absent, or the word "none".
    ///
    /// Some ways to initialise change the base model too, so an adapter made by them is one for
    /// another model: only those that do not are taken.
    private static func isDefault(_ key: String, _ value: Any) -> Bool {
        if key == "init_lora_weights" {
            return value is NSNull || value is Bool || value as? String == "gaussian"
        }
        return switch value {
        case is NSNull: true
        case let flag as Bool: !flag
        case let text as String: key == "bias" ? text == "none" : text.isEmpty
        case let list as [Any]: list.isEmpty
        case let table as [String: Any]: table.isEmpty
        default: false
        }
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
        var fields: [(String, String)] = [
            ("peft_type", "\"LORA\""), ("task_type", "\"CAUSAL_LM\""), ("r", "\(adapterRank)"),
            ("lora_alpha", Int(exactly: alpha).map { "\($0)" } ?? "\(alpha)"),
            ("lora_dropout", "0.0"), ("bias", "\"none\""),
            ("fan_in_fan_out", "\(baseIsTransposed)"),
            ("init_lora_weights", "true"), ("inference_mode", "true"),
            ("target_modules", targets.json),
        ]
        fields.append(("base_model_name_or_path", baseModel.map(quoted) ?? "null"))
        let lines = fields.map { "  \"\($0.0)\": \($0.1)" }
        return [UInt8](("{\n" + lines.joined(separator: ",\n") + "\n}\n").utf8)
    }
}

/// `text` as a JSON string.
func quoted(_ text: String) -> String {
    guard
        let data = try? JSONSerialization.data(
            withJSONObject: text, options: [.fragmentsAllowed, .withoutEscapingSlashes])
    else { return "\"\"" }
    return String(decoding: data, as: UTF8.self)
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
