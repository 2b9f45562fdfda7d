public import Faults

/// A model file that cannot be opened, does not hold what it says, or is not supported.
public struct ModelFileError: Fault {
    public let problem: String
    public let location: String?
    public let hint: String?
    public let exitCode: ExitCode

    /// - Parameters:
    ///   - problem: What is wrong, with the offending values.
    ///   - file: Path of the file or folder.
    ///   - part: The tensor, key or field inside it.
    ///   - hint: What to do about it.
    ///   - exitCode: ``ExitCode/badInput`` unless trying again can help.
    public init(
        _ problem: String, file: String, part: String? = nil, hint: String? = nil,
        exitCode: ExitCode = .badInput
    ) {
        self.problem = problem
        location = part.map { "\(file), \($0)" } ?? file
        self.hint = hint
        self.exitCode = exitCode
    }
}

extension String {
    /// The text between quotes, on one line: names come out of files that may be hostile.
    var quoted: String {
        let longest = 120
        var shown = ""
        for scalar in unicodeScalars.prefix(longest) {
            shown +=
                scalar.properties.generalCategory == .control
                ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return unicodeScalars.dropFirst(longest).isEmpty ? "'\(shown)'" : "'\(shown)…'"
    }
}
