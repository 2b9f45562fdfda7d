/// What a host is asked before a run.
public struct HostQuestion: Codable, Sendable, Equatable {
    /// Base model, `nil` if there is none to compare.
    public var model: String?
    /// Files of training and held-out data.
    public var data: [String]
    /// The run's folder; it need not exist yet.
    public var out: String
    /// Address of the collector, `nil` without one.
    public var collector: String?

    public init(model: String?, data: [String], out: String, collector: String?) {
        self.model = model
        self.data = data
        self.out = out
        self.collector = collector
    }
}
