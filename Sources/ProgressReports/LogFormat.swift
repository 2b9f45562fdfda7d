/// How a program tells what happens on standard error.
public enum LogFormat: String, Sendable, CaseIterable {
    /// For people: a live view on a terminal, plain lines elsewhere.
    case text
    /// For log collectors: one JSON object a line.
    case json

    /// How a ``TerminalReporter`` writes; `nil`: as suits the place.
    public var style: TerminalReporter.Style? { self == .json ? .json : nil }
}
