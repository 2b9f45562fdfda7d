/// Everything that decides a run: ``SettingValues`` with those that no run can be without.
@dynamicMemberLookup
public struct RunConfiguration: Sendable {
    public let settings: SettingValues
    public let model: String
    /// The files of `--data`.
    public let sources: [DataSource]
    public let out: String

    /// - Parameter out: The run's folder where none is set.
    /// - Throws: ``ConfigurationError`` naming the flag that is missing.
    public init(_ settings: SettingValues, out: String? = nil) throws(ConfigurationError) {
        self.settings = settings
        model = try settings.required(\.model)
        sources = try settings.required(\.data).sources
        self.out = if let out = settings.out ?? out { out } else { try settings.required(\.out) }
    }

    public subscript<Value>(dynamicMember path: KeyPath<SettingValues, Value>) -> Value {
        settings[keyPath: path]
    }
}
