import CPCRE2
import Words

/// A regular expression of Python's `re`, as PEFT's files have them for names of modules.
///
/// PCRE2 knows `(?P<name>…)`, looking around, lazy repetition and inline options as Python does. What
/// it spells or takes otherwise is turned (`\Z`, `{,n}`) or refused by name; what Python would not
/// compile at all is found in no file that PEFT has read.
/// Source: Python `re`; `pcre2pattern(3)`.
public final class PythonExpression: Sendable {
    private let expression: SplitExpression

    /// - Parameters:
    ///   - source: As written in the file.
    ///   - location: Where it stands, for the message.
    /// - Throws: ``TokenizationError`` naming the construct, or PCRE2's complaint.
    public init(_ source: String, at location: String) throws(TokenizationError) {
        expression = try SplitExpression(
            source, pattern: Self.translate(source, at: location), options: cpcre2_whole_options,
            at: location)
    }

    /// Whether the whole of `text` matches: `re.fullmatch`.
    ///
    /// - Throws: ``TokenizationError`` naming the pattern, if it takes too many steps.
    public func matchesWhole(_ text: String) throws(TokenizationError) -> Bool {
        let bytes = Array(text.utf8)
        let found: Result<Bool, TokenizationError> = bytes.withUnsafeBufferPointer { buffer in
            do throws(TokenizationError) {
                return .success(
                    try ExpressionScratch().match(expression, in: buffer, from: 0) != nil)
            } catch {
                return .failure(error)
            }
        }
        return try found.get()
    }

    private static func translate(
        _ source: String, at location: String
    ) throws(TokenizationError) -> String {
        func refusal(_ construct: String) -> TokenizationError {
            TokenizationError(
                "the pattern '\(source.excerpt())' uses \(construct), which is not supported",
                at: location)
        }
        var output = String.UnicodeScalarView()
        let scalars = Array(source.unicodeScalars)
        var index = 0
        var isInClass = false
        while index < scalars.count {
            let scalar = scalars[index]
            let next = index + 1 < scalars.count ? scalars[index + 1] : nil
            switch scalar {
            case "\\":
                guard let next else { throw refusal("'\\' at its end") }
                // PCRE2 has these, and Python has not, or means something else.
                if "QEKGCRXhHNgk".unicodeScalars.contains(next) { throw refusal("\\\(next)") }
                output.append("\\")
                output.append(next == "Z" ? "z" : next)
                index += 2
                continue
            case "[":
                // Only a class of PCRE2's inside a class would be taken for one.
                if isInClass, let next, ":.=".unicodeScalars.contains(next) {
                    throw refusal("[\(next) in a character class")
                }
                if !isInClass {
                    isInClass = true
                    output.append(scalar)
                    index += 1
                    // The first character belongs to the class, whatever it is.
                    if index < scalars.count, scalars[index] == "^" {
                        output.append("^")
                        index += 1
                    }
                    if index < scalars.count, scalars[index] == "]" {
                        output.append("]")
                        index += 1
                    }
                    continue
                }
            case "]": isInClass = false
            case "{" where !isInClass && next == ",":
                output.append(contentsOf: "{0".unicodeScalars)
                index += 1
                continue
            default: break
            }
            output.append(scalar)
            index += 1
        }
        return String(output)
    }
}
