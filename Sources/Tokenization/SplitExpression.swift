import CPCRE2
import Words

/// A regular expression of `tokenizer.json`, compiled by PCRE2.
///
/// Compiled once and shared: PCRE2 does not change a compiled expression, so that several threads
/// may match with it, each with its own ``ExpressionScratch``. Hence `@unchecked Sendable`.
final class SplitExpression: @unchecked Sendable {
    /// As written in the file.
    let source: String
    fileprivate let code: OpaquePointer

    /// - Throws: ``TokenizationError`` naming the construct that PCRE2 lacks, or PCRE2's complaint.
    convenience init(_ source: String, at location: String) throws(TokenizationError) {
        let pattern: String
        do throws(ExpressionTranslation.Refusal) {
            pattern = try ExpressionTranslation.translate(source)
        } catch {
            throw TokenizationError(
                "the pattern '\(source.excerpt())' uses \(error.construct), which is not supported",
                at: location)
        }
        try self.init(
            source, pattern: pattern, options: cpcre2_compile_options, at: location)
    }

    /// Compiles `pattern`, which is `source` as PCRE2 writes it.
    ///
    /// - Throws: ``TokenizationError`` with PCRE2's complaint.
    init(
        _ source: String, pattern: String, options: UInt32, at location: String
    ) throws(TokenizationError) {
        self.source = source
        let context = pcre2_compile_context_create_8(nil)
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_newline_8(context, cpcre2_newline_lf)
        var status: Int32 = 0
        var offset = 0
        let bytes = Array(pattern.utf8)
        let compiled = pcre2_compile_8(
            bytes, bytes.count, options, &status, &offset, context)
        guard let compiled else {
            throw TokenizationError(
                "the pattern '\(source.excerpt())' cannot be compiled: \(Self.message(status))",
                at: location)
        }
        // Where the processor has no JIT compiler, PCRE2 interprets.
        pcre2_jit_compile_8(compiled, cpcre2_jit_complete)
        code = compiled
    }

    deinit { pcre2_code_free_8(code) }

    static func message(_ status: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(status, &text, text.count)
        return String(decoding: text.prefix(max(0, Int(length))), as: UTF8.self)
    }
}

/// What one thread needs to match: results, limits and a stack, kept between matches.
final class ExpressionScratch {
    /// Steps of backtracking in one match; PCRE2's default, some tenths of a second.
    private static let matchLimit: UInt32 = 10_000_000
    private static let heapLimitKiB: UInt32 = 64 << 10
    private static let largestStackBytes = 8 << 20

    private var results: OpaquePointer?
    private var context: OpaquePointer?
    private var stack: OpaquePointer?

    deinit {
        pcre2_match_data_free_8(results)
        pcre2_match_context_free_8(context)
        pcre2_jit_stack_free_8(stack)
    }

    /// Made when first needed: most tokenizers cut text without PCRE2.
    private func prepare() {
        guard results == nil else { return }
        results = pcre2_match_data_create_8(1, nil)
        context = pcre2_match_context_create_8(nil)
        stack = pcre2_jit_stack_create_8(32 << 10, Self.largestStackBytes, nil)
        pcre2_set_match_limit_8(context, Self.matchLimit)
        pcre2_set_heap_limit_8(context, Self.heapLimitKiB)
        pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
    }

    /// The first match in `text` at or after `start`, `nil` if there is none.
    ///
    /// - Precondition: `text` is valid UTF-8 and `start` the start of a character or the end.
    /// - Throws: ``TokenizationError`` naming the pattern, if it takes too many steps.
    func match(
        _ expression: SplitExpression, in text: UnsafeBufferPointer<UInt8>, from start: Int
    ) throws(TokenizationError) -> Range<Int>? {
        prepare()
        let status = pcre2_match_8(
            expression.code, text.baseAddress, text.count, start, cpcre2_no_utf_check, results,
            context)
        if status == PCRE2_ERROR_NOMATCH { return nil }
        guard status >= 0, let bounds = pcre2_get_ovector_pointer_8(results) else {
            throw TokenizationError(
                "the pattern '\(expression.source.excerpt())' gives up on a text of "
                    + "\(text.count) bytes: \(SplitExpression.message(status))",
                at: nil, hint: "Leave the text out, or break it into lines")
        }
        return bounds[0]..<max(bounds[0], bounds[1])
    }
}
