import ChatTemplates
import Faults
import Foundation
import ModelFiles

/// Renders what `scripts/check-chat-templates` asks for, so that it can be compared with Python's
/// Jinja2.
///
/// Each line of standard input is `{"name", "source", "cases": [{"messages", "prompt", "bos", "eos",
/// "extra"}]}`; each line of standard output is `{"error"}` or `{"results": […]}`, where a result is
/// `{"text", "generated"}` or `{"error"}`.
@main
struct ChatRenderer {
    static func main() throws {
        while let line = readLine() {
            let request = try line.parsed
            let answer: JSONObject
            do throws(ChatTemplateError) {
                let template = try ChatTemplate(
                    source: request["source"].text, name: request["name"].text)
                answer = JSONObject([
                    ("results", .array(request["cases"].array.map { template.result($0) }))
                ])
            } catch {
                answer = JSONObject([("error", .text(error.description))])
            }
            let text = String(decoding: JSONValue.object(answer).encoded(), as: UTF8.self)
            // Line feeds inside texts are escaped: those that are left only indent.
            // Who asks waits for the answer, so it may not stay in a buffer.
            try FileHandle.standardOutput.write(
                contentsOf: Data((text.split(separator: "\n").joined() + "\n").utf8))
        }
    }
}

extension ChatTemplate {
    fileprivate func result(_ request: JSONValue) -> JSONValue {
        let messages = request["messages"].array.compactMap { message -> ChatMessage? in
            if case .object(let object) = message { ChatMessage(object) } else { nil }
        }
        do throws(ChatTemplateError) {
            let chat = try render(
                messages, addGenerationPrompt: request["prompt"] == .boolean(true),
                bosToken: request["bos"].text, eosToken: request["eos"].text,
                extra: request["extra"].object)
            let ranges = chat.generated.map { range in
                JSONValue.array([
                    .integer(Int64(range.lowerBound)), .integer(Int64(range.upperBound)),
                ])
            }
            return .object(
                JSONObject([("text", .text(chat.text)), ("generated", .array(ranges))]))
        } catch {
            return .object(JSONObject([("error", .text(error.description))]))
        }
    }
}

extension String {
    fileprivate var parsed: JSONValue {
        get throws {
            try Array(utf8).withUnsafeBytes { try JSONValue.parse($0, path: "standard input") }
        }
    }
}

extension JSONValue {
    fileprivate subscript(key: String) -> JSONValue { object[key] ?? .null }

    fileprivate var object: JSONObject {
        if case .object(let object) = self { object } else { JSONObject([]) }
    }

    fileprivate var array: [JSONValue] { if case .array(let values) = self { values } else { [] } }

    fileprivate var text: String { if case .text(let text) = self { text } else { "" } }
}
