import ChatTemplates
import Faults
import Foundation
import JSON
import ModelFiles
import Testing

/// Constructs one by one, against what Jinja2 renders (`scripts/fixtures/make-fixtures templates`).
@Suite struct SnippetTests {
    /// What Jinja2 renders and we refuse by name.
    private static let refused: Set<String> = [
        "{{ range(3) }}", "{{ '{:>5}'.format('a') }}", "{{ 'abc'.zfill(5) }}",
        "{{ 'a'.encode() }}", "{{ text.__class__ }}", "{{ three is sameas 3 }}",
        // A raw block without end is taken only where nothing at all follows it.
        "{% raw %}",
    ]

    private struct Fixture {
        let variables: JSONObject
        let snippets: [(source: String, text: String?)]

        init() throws {
            let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Fixtures/snippets.json").path
            let root = try #require(try JSONValue.read(path: path).members)
            variables = try #require(root["variables"]?.members)
            guard case .array(let list)? = root["snippets"] else {
                throw CocoaError(.fileReadCorruptFile)
            }
            snippets = try list.map { item in
                let snippet = try #require(item.members)
                return (try #require(snippet["source"]?.string), snippet["text"]?.string)
            }
        }
    }

    @Test func everySnippetRendersAsInJinjaOrIsRefused() throws {
        let fixture = try Fixture()
        #expect(fixture.snippets.count > 600)
        for snippet in fixture.snippets {
            let ours = Result { () throws(ChatTemplateError) in
                try ChatTemplate(source: snippet.source, name: "snippet").render(
                    [], addGenerationPrompt: false, bosToken: "", eosToken: "",
                    extra: fixture.variables
                ).text
            }
            switch ours {
            case .success(let text):
                #expect(
                    snippet.text.map { Array($0.utf8) } == Array(text.utf8),
                    "\(snippet.source) gives \(text.debugDescription)")
            case .failure(let error):
                let mayBeRefused =
                    snippet.text == nil || Self.refused.contains(snippet.source)
                #expect(mayBeRefused, "\(snippet.source): \(error)")
                #expect(error.location?.hasPrefix("snippet, line ") == true, "\(error)")
            }
        }
    }
}
