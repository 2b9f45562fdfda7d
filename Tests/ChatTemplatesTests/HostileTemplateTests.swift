import ChatTemplates
import Faults
import Testing

/// Templates are programs of strangers: whatever they do ends in text or in an error with a line.
@Suite(.timeLimit(.minutes(10))) struct HostileTemplateTests {
    private func problem(_ source: String) -> String {
        do throws(ChatTemplateError) {
            let chat = try ChatTemplate(source: source, name: "hostile").render(
                [ChatMessage(role: "user", content: "x")], addGenerationPrompt: false,
                bosToken: "", eosToken: "")
            return "rendered \(chat.text.utf8.count) bytes"
        } catch {
            return error.description
        }
    }

    private static let nines = String(repeating: "9", count: 40)

    @Test(arguments: [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"),
        ("{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}", "without end"),
        (
            "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
            "without end"
        ),
        ("{{ 'x' * 999999999999 }}", "longer than"),
        ("{{ 'xx' * 9223372036854775807 }}", "longer than"),
        ("{{ [1] * 9223372036854775807 }}", "list becomes too long"),
        (
            "{% set ns = namespace(s='x') %}{% for i in range(99) %}"
                + "{% set ns.s = ns.s + ns.s %}{% endfor %}", "longer than"
        ),
        (
            "{% set ns = namespace(s='x') %}{% for i in range(99) %}"
                + "{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "steps"
        ),
        (
            "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}"
                + "{% set ns.l = ns.l + ns.l %}{% endfor %}", "steps"
        ),
        (
            "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}"
                + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", "without end"
        ),
        (
            "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}"
                + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}", "without end"
        ),
        (
            "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}"
                + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l == ns.l }}", "without end"
        ),
        ("{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}", "longer than"),
        ("{{ 'a' | replace('', 'x' * 60000000) | replace('', 'y' * 9999999) }}", "longer than"),
        ("{{ 'a\\nb' | indent(9223372036854775807) }}", "longer than"),
        ("{{ [1] | tojson(indent=999999999) }}", "too wide"),
        ("{{ \(nines) }}", "64 bits"), ("{{ 9223372036854775807 + 1 }}", "64 bits"),
        ("{{ -9223372036854775807 - 2 }}", "64 bits"),
        ("{{ (-9223372036854775807 - 1) // -1 }}", "64 bits"),
        ("{{ (-9223372036854775807 - 1) | abs }}", "64 bits"),
        ("{{ 3 ** 99999999999 }}", "64 bits"), ("{{ 1e300 | int }}", "64 bits"),
        ("{{ [1][::9223372036854775807] }}{{ [1][::-9223372036854775807] }}", "rendered"),
        ("{{ [1, 2][-9223372036854775807:9223372036854775807] }}", "rendered"),
        ("{{ [1][-9223372036854775807] }}{{ 'a'[9223372036854775807] }}", "rendered"),
        (
            "{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807) | list }}",
            "rendered"
        ),
        ("{{ strftime_now('%Y' * 99999) }}", "cannot be written"),
        ("{{ '\\ud800' }}", "escape"), ("{{ '\\U99999999' }}", "escape"), ("{{ '\\x", "not end"),
        ("{{ messages.append(1) }}", "changes"), ("{{ messages.__class__.__mro__ }}", "__class__"),
        ("{{ ''['__class__']['x'] }}", "no such item"),
        ("{% include 'x' %}", "'include'"), ("{% import 'x' as y %}", "'import'"),
        ("{% extends 'x' %}", "'extends'"), ("{% block x %}{% endblock %}", "'block'"),
        ("{% call m() %}{% endcall %}", "'call'"), ("{% autoescape true %}", "'autoescape'"),
        ("\n\n{{ messages | groupby('role') }}", "line 3: the filter 'groupby'"),
    ])
    func endsInTextOrInAnError(_ source: String, _ expected: String) {
        let problem = problem(source)
        #expect(problem.contains(expected), "\(problem)")
        #expect(problem.hasPrefix("rendered") || problem.contains("hostile, line "), "\(problem)")
    }

    @Test(arguments: [
        ("(", ")", "1"), ("[", "]", ""), ("{1: ", "}", "1"), ("not ", "", "1"), ("-", "", "1"),
        ("1 + ", "", "1"), ("", " ~ 1", "1"), ("", "|trim", "1"), ("", ".a", "x"), ("", "[0]", "x"),
        ("1 if 1 else ", "", "1"), ("", " or 1", "1"), ("", " is defined", "x"), ("x(", ")", ""),
    ])
    func deepNestingIsRefused(_ open: String, _ close: String, _ middle: String) {
        let source =
            "{{ " + String(repeating: open, count: 100_000) + middle
            + String(repeating: close, count: 100_000) + " }}"
        let problem = problem(source)
        let joinsOnly = close == " ~ 1"
        #expect(
            problem.contains("nested more than") || problem.contains("one upon another")
                || problem.contains("one after another") || joinsOnly,
            "\(problem)")
    }

    @Test(arguments: [
        ("{% if 1 %}", "{% endif %}"), ("{% for i in [1] %}", "{% endfor %}"),
        ("{% set x %}", "{% endset %}"), ("{% macro m() %}", "{% endmacro %}"),
        ("{% if 1 %}", ""), ("{% set ((((((", ""),
    ])
    func deepStatementsAreRefused(_ open: String, _ close: String) {
        let source = String(repeating: open, count: 5000) + String(repeating: close, count: 5000)
        #expect(!problem(source).hasPrefix("rendered"))
    }

    @Test func aLongChainOfElifIsNoNesting() {
        let branches = String(repeating: "{% elif 0 %}a", count: 20_000)
        #expect(problem("{% if 0 %}\(branches){% else %}b{% endif %}") == "rendered 1 bytes")
    }

    /// Recursion of the greatest depth that is allowed fits the stack of a thread that is not the
    /// main one.
    @Test func theDeepestRecursionFitsTheStack() {
        let deep =
            String(repeating: "(", count: 90) + "m(n - 1)" + String(repeating: ")", count: 90)
        let source = "{% macro m(n) %}{% if n %}{{ 1 + \(deep) | length }}{% endif %}{% endmacro %}"
        #expect(problem(source + "{{ m(8) }}").hasPrefix("rendered"))
        #expect(problem(source + "{{ m(99999) }}").contains("without end"))
    }

    @Test func aBrokenTemplateOfEveryLengthIsNoCrash() throws {
        let whole = """
            {%- macro m(a, b=[1, 'x'][::-1]) -%}{{ a ~ b | join(', ') }}{%- endmacro %}
            {% for x in messages if x.role is string %}{% set y = {'a': x.content|length ** 2} %}
            {{ m(y.a, b='é😀') if not loop.last else (1, 2.5e3)[0] // 3 }}{# c #}{% raw %}{{{% endraw %}
            {% generation %}{{ x['content'] }}{% endgeneration %}{% endfor %}
            """
        let scalars = Array(whole.unicodeScalars)
        for length in 0...scalars.count {
            _ = problem(String(String.UnicodeScalarView(scalars[..<length])))
            _ = problem(String(String.UnicodeScalarView(scalars[length...])))
        }
        #expect(problem(whole).hasPrefix("rendered"))
    }
}
