public import ArgumentParser
public import Faults
import FoundationEssentials
import Glibc

/// An option that takes one value and was given several: which of them counts is nobody's guess.
public struct RepeatedOption: Fault, Equatable {
    public let problem: String
    public let location: String?
    public let hint: String?

    /// - Parameter list: What its value is a list of, if it is one.
    init(_ name: String, values: [String], list: String?) {
        location = name
        problem = "is given \(values.count) times (\(values.joined(separator: ", ")))"
        hint =
            list.map { "Several \($0) are given as \(name) a,b" }
            ?? "It takes one value: leave the others out"
    }
}

extension ParsableCommand {
    /// Ends the program with an `error:` line if an option that takes one value stands twice on its command
    /// line, of which the parser would take the last without a word.
    public static func endIfOptionIsRepeated() {
        do throws(RepeatedOption) {
            try checkForRepeatedOption(Array(CommandLine.arguments.dropFirst()))
        } catch {
            _ = "error: \(error)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
            exit(withError: ArgumentParser.ExitCode(error.exitCode.rawValue))
        }
    }

    /// - Parameter arguments: Of the command line, without the program. What follows `--` is another's.
    /// - Throws: ``RepeatedOption`` naming the first that is given more often than once.
    public static func checkForRepeatedOption(
        _ arguments: [String]
    ) throws(RepeatedOption) {
        let words = Array(arguments.prefix { $0 != "--" })
        // Mostly there is no need to ask what the options are.
        let names = words.filter { $0.hasPrefix("-") }.map { $0.prefix { $0 != "=" } }
        guard Set(names).count < names.count || names.contains(where: { !$0.hasPrefix("--") })
        else { return }
        guard
            let described = try? JSONDecoder().decode(
                CommandDescription.self, from: Data(_dumpHelp().utf8))
        else { return }
        let found = described.command.options(in: words)
        for (option, _) in found {
            let values = found.filter { $0.0 == option }.map(\.1)
            guard values.count > 1 else { continue }
            throw RepeatedOption(option.shownName, values: values, list: option.list)
        }
    }
}

/// What ArgumentParser tells of a command.
private struct CommandDescription: Decodable {
    let command: Command

    struct Command: Decodable {
        let commandName: String
        let subcommands: [Command]?
        let defaultSubcommand: String?
        let arguments: [DescribedOption]?

        /// The options that stand in a command line and take one value, with their values.
        func options(in words: [String]) -> [(DescribedOption, String)] {
            var command = self
            var known = arguments ?? []
            var found: [(DescribedOption, String)] = []
            var rest = words[...]
            while let word = rest.popFirst() {
                let name = String(word.prefix { $0 != "=" })
                if let option = (known + command.defaultOptions).first(where: { $0.isCalled(name) })
                {
                    guard option.kind == "option" else { continue }
                    let value =
                        name == word ? rest.popFirst() : String(word.dropFirst(name.count + 1))
                    if !option.isRepeating, let value { found.append((option, value)) }
                } else if let next = command.subcommands?.first(where: { $0.commandName == word }) {
                    command = next
                    known += next.arguments ?? []
                }
            }
            return found
        }

        private var defaultOptions: [DescribedOption] {
            subcommands?.first { $0.commandName == defaultSubcommand }?.arguments ?? []
        }
    }
}

/// An option, flag or argument of a command.
private struct DescribedOption: Decodable, Equatable {
    /// `option`, `flag` or `positional`.
    let kind: String
    let isRepeating: Bool
    let names: [Name]?
    let valueName: String?

    struct Name: Decodable, Equatable {
        /// `long`, `short` or `longWithSingleDash`.
        let kind: String
        let name: String

        var shown: String { (kind == "long" ? "--" : "-") + name }
    }

    func isCalled(_ name: String) -> Bool { names?.contains { $0.shown == name } ?? false }

    /// What its value is a list of, with commas between; only names of values tell it.
    var list: String? { ["files", "names"].first { $0 == valueName } }

    var shownName: String {
        let long = names?.first { $0.kind == "long" } ?? names?.first
        return long?.shown ?? ""
    }
}
