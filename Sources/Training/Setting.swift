import ChatTemplates
import Datasets
public import Faults
import Foundation
import Kernels
import MetricsOutlets
import ProgressDelivery
import ProgressReports

/// One setting of a run: its name and what a reader of `--help` or of a message needs.
public struct Setting: Sendable {
    public let name: String
    /// Whether a resumed run may have another value without being asked.
    public let mayChangeFreely: Bool

    /// All settings, in the order in which `run.yaml` lists them.
    public static let all: [Setting] =
        [
            "model", "data", "eval-data", "held-out", "out", "format", "template", "chat-template",
            "template-set", "template-date", "loss-on",
            "skip-bad-lines",
            "max-length", "cache",
            "init-adapter", "targets", "rank", "alpha", "lr", "beta1", "beta2", "epsilon",
            "weight-decay", "schedule", "warmup-steps", "clip-norm", "batch-size", "slice-size",
            "share-prefixes", "steps", "epochs", "order", "seed", "threads", "kernels", "compute",
            "recompute", "eval-every", "checkpoint-every", "checkpoint-copies", "keep", "resume",
            "allow-change", "collector", "collector-token-file", "collector-authority",
            "collector-certificate", "collector-key", "tensorboard", "prometheus-file", "syslog",
            "json-lines", "log-format", "collective-timeout",
        ].map { Setting(name: $0, mayChangeFreely: free.contains($0)) }

    /// Those that name files or folders.
    static let paths: Set<String> = [
        "model", "data", "eval-data", "out", "init-adapter", "template", "chat-template", "cache",
        "collector-token-file", "collector-authority", "collector-certificate", "collector-key",
        "prometheus-file", "json-lines",
    ]

    /// Those for which any text is taken, so that a word which YAML takes for something else would
    /// not be noticed.
    static let texts = paths.union(["targets", "collector", "syslog", "allow-change"])

    /// Those that may be lists in run.yaml.
    static let lists: Set<String> = ["data", "targets", "allow-change", "template-set"]

    /// Paths are free because the files behind them are compared by hash.
    private static let free: Set<String> = [
        "model", "data", "eval-data", "out", "init-adapter", "template", "chat-template", "cache",
        "threads", "recompute",
        "checkpoint-every", "checkpoint-copies", "keep", "resume", "allow-change", "collector",
        "collector-token-file", "collector-authority", "collector-certificate", "collector-key",
        "tensorboard", "prometheus-file", "syslog", "json-lines", "log-format",
        "collective-timeout",
    ]
}

/// A setting that is missing, unknown or has an impossible value.
public struct ConfigurationError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?

    public init(_ location: String?, _ problem: String, hint: String? = nil) {
        self.location = location
        self.problem = problem
        self.hint = hint
    }
}

/// Typed access to settings that arrive as text.
struct SettingReader {
    private let settings: [String: String]

    init(_ settings: [String: String]) throws(ConfigurationError) {
        let known = Set(Setting.all.map(\.name))
        if let stranger = settings.keys.sorted().first(where: { !known.contains($0) }) {
            throw ConfigurationError(
                stranger,
                "is not a setting" + (SettingAdvice.advice(for: stranger).map { "; \($0)" } ?? ""),
                hint: SettingAdvice.whereToLook)
        }
        for name in settings.keys.sorted() where Setting.paths.contains(name) {
            for path in settings[name]?.split(separator: ",") ?? []
            where path.hasPrefix("~") || path.hasPrefix("$") || path.contains("${") {
                throw ConfigurationError(
                    "--\(name)", "is '\(path)', and neither ~ nor $ is filled in here",
                    hint: "Write the path in full, or ./\(path) if that is its name")
            }
        }
        self.settings = settings
    }

    func text(_ name: String) -> String? {
        guard let value = settings[name], !value.isEmpty else { return nil }
        return value
    }

    func required(_ name: String) throws(ConfigurationError) -> String {
        guard let value = text(name) else {
            throw ConfigurationError(
                "--\(name)", "is missing", hint: "Give it as a flag or in run.yaml")
        }
        return value
    }

    /// Names of settings, separated by commas.
    func settingNames(_ name: String) throws(ConfigurationError) -> [String] {
        let known = Set(Setting.all.map(\.name)).union([RunDocument.samplesName])
        let names = (text(name) ?? "").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        if let stranger = names.first(where: { !known.contains($0) }) {
            throw ConfigurationError(
                "--\(name)",
                "'\(stranger)' is not a setting"
                    + (SettingAdvice.advice(for: stranger).map { "; \($0)" } ?? ""),
                hint: "Use a flag's name, as steps")
        }
        return names
    }

    /// `HOST:PORT`.
    func address(_ name: String) throws(ConfigurationError) -> CollectorAddress? {
        guard let text = text(name) else { return nil }
        do {
            return try CollectorAddress(text, flag: "--\(name)")
        } catch {
            throw ConfigurationError(error.location, error.problem, hint: error.hint)
        }
    }

    func outlets() throws(ConfigurationError) -> OutletSettings {
        var outlets = OutletSettings()
        outlets.tensorBoard = try isOn("tensorboard", byDefault: true)
        outlets.prometheusFile = text("prometheus-file")
        outlets.syslog = try address("syslog")
        outlets.jsonLines = text("json-lines")
        return outlets
    }

    func collectorSecurity(isUsed: Bool) throws(ConfigurationError) -> CollectorSecurity {
        for name in [
            "collector-token-file", "collector-authority", "collector-certificate", "collector-key",
        ] where !isUsed && text(name) != nil {
            throw ConfigurationError(
                "--\(name)", "says how to reach a collector, and none is named",
                hint: "Give --collector HOST:PORT too")
        }
        return CollectorSecurity(
            tokenFile: text("collector-token-file"), authorityFile: text("collector-authority"),
            certificateFile: text("collector-certificate"), keyFile: text("collector-key"))
    }

    func flag(_ name: String) throws(ConfigurationError) -> Bool {
        switch text(name)?.lowercased() {
        case nil, "false", "no", "off": return false
        case "true", "yes", "on": return true
        case let other?:
            throw ConfigurationError("--\(name)", "is '\(other)'; it must be true or false")
        }
    }

    func isOn(_ name: String, byDefault: Bool) throws(ConfigurationError) -> Bool {
        switch text(name)?.lowercased() {
        case nil: return byDefault
        case "on", "true", "yes": return true
        case "off", "false", "no": return false
        case let other?:
            throw ConfigurationError("--\(name)", "is '\(other)'; it must be on or off")
        }
    }

    func choice<Value>(
        _ name: String, among values: [Value], _ text: (Value) -> String
    ) throws(ConfigurationError) -> Value? {
        guard let given = self.text(name) else { return nil }
        guard let value = values.first(where: { text($0) == given }) else {
            let names = values.map(text).joined(separator: ", ")
            throw ConfigurationError(
                "--\(name)", "is '\(given)'; choose among \(names)",
                hint: SettingAdvice.advice(forValue: given, of: name))
        }
        return value
    }

    func heldOut() throws(ConfigurationError) -> HeldOutShare? {
        guard let text = text("held-out") else { return nil }
        guard let share = HeldOutShare(text) else {
            throw ConfigurationError(
                "--held-out", "is '\(text)'; it must be a share above 0 and below 1, as 2% or 0.02")
        }
        return share
    }

    func templateDate() throws(ConfigurationError) -> TemplateDate? {
        guard let text = text("template-date") else { return nil }
        guard let date = TemplateDate(text) else {
            throw ConfigurationError(
                "--template-date", "is '\(text)'; it must be a day, as 2026-11-24")
        }
        return date
    }

    func targetTurns() throws(ConfigurationError) -> TargetTurns {
        try choice("loss-on", among: TargetTurns.allCases) { $0.rawValue } ?? .all
    }

    func compute() throws(ConfigurationError) -> ComputeType {
        try choice("compute", among: ComputeType.allCases) { $0.rawValue } ?? .float32
    }

    func duration() throws(ConfigurationError) -> RunConfiguration.Duration {
        let steps = try integer("steps", atLeast: 1)
        let epochs = try integer("epochs", atLeast: 1)
        if let steps {
            guard epochs == nil else {
                throw ConfigurationError(
                    "--steps", "and --epochs are both given", hint: "Give one of them")
            }
            return .steps(steps)
        }
        return .epochs(epochs ?? 1)
    }
}
