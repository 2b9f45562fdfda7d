import Foundation
import Slices

/// What `--data` names.
public struct DataFiles: Sendable, Equatable {
    /// As given.
    public let text: String
    public let sources: [DataSource]
}

extension SettingKind where Value == DataFiles {
    static var dataFiles: SettingKind {
        SettingKind(
            read: { text, _ throws(ConfigurationError) in
                DataFiles(text: text, sources: try DataSource.list(text))
            }, write: { $0.text }
        ).asPath.list
    }
}

/// One of the files of `--data`, and how often an epoch visits its samples.
public struct DataSource: Sendable, Equatable {
    public let path: String
    /// Visits of a sample in an epoch, on average; ``VisitedSet`` says which samples get what is
    /// left over.
    public let weight: Double

    /// The files of `--data`: paths separated by commas, each followed by `=` and a weight or not.
    ///
    /// - Throws: ``ConfigurationError`` if a path is empty or a weight impossible.
    public static func list(_ text: String) throws(ConfigurationError) -> [DataSource] {
        var sources: [DataSource] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let source = try DataSource(item.trimmingCharacters(in: .whitespaces))
            guard !sources.contains(where: { $0.path == source.path }) else {
                throw ConfigurationError(
                    "--data", "names \(source.path) twice", hint: "Give it a weight instead")
            }
            sources.append(source)
        }
        guard sources.count <= 256 else {
            throw ConfigurationError("--data", "names \(sources.count) files; at most 256 are read")
        }
        return sources
    }

    private init(_ item: String) throws(ConfigurationError) {
        // A path may hold '=', so only a number after the last one is a weight.
        let parts = item.split(separator: "=", omittingEmptySubsequences: false)
        if parts.count > 1, let last = parts.last, let number = Double(last) {
            guard number > 0, number <= VisitedSet.greatestWeight else {
                throw ConfigurationError(
                    "--data",
                    "gives weight \(last); it must be above 0 and at most "
                        + "\(Int(VisitedSet.greatestWeight))", hint: "Leave a file out instead of 0"
                )
            }
            path = parts.dropLast().joined(separator: "=")
            weight = number
        } else {
            path = item
            weight = 1
        }
        guard !path.isEmpty else {
            throw ConfigurationError(
                "--data", "names an empty path", hint: "As in a.jsonl=2,b.jsonl")
        }
    }
}
