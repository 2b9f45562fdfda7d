import ChatTemplates
import Faults
import Foundation
import JSON

/// Renders what `scripts/judge/chat-templates` asks for, so that it can be compared with Python's
/// Jinja2.
///
/// Each line of standard input is `{"name", "source", "cases": [{"messages", "prompt", "bos", "eos",
/// "extra"}]}`; each line of standard output is `{"error"}` or `{"results": […]}`, where a result is
/// `{"text", "generated"}` or `{"error"}`. A case with `"turns": true` is read as a record of data
/// is (`"ends"` are the texts of tokens at which the model stops), and its result is `{"samples": [{"text", "assistant"}]}`: what is learned of it.
@main
struct ChatRenderer {
    static func main() throws {
        while let line = readLine() {
            let request = try line.parsed
            let answer: JSONValue
            do throws(ChatTemplateError) {
                let template = try ChatTemplate(
                    source: request["source"].text, name: request["name"].text)
                answer = ["results": .array(request["cases"].array.map { template.result($0) })]
            } catch {
                answer = ["error": .text(error.description)]
            }
            // Who asks waits for the answer, so it may not stay in a buffer.
            try FileHandle.standardOutput.write(
                contentsOf: Data((answer.line + "\n").utf8))
        }
    }
}

extension ChatTemplate {
    fileprivate func result(_ request: JSONValue) -> JSONValue {
        guard request["turns"] != .boolean(true) else { return samples(request) }
        let messages = request["messages"].array.compactMap { message -> ChatMessage? in
            if case .object(let object) = message { ChatMessage(object) } else { nil }
        }
        do throws(ChatTemplateError) {
            let chat = try render(
                messages, addGenerationPrompt: request["prompt"] == .boolean(true),
                bosToken: request["bos"].text, eosToken: request["eos"].text,
                extra: request["extra"].object)
            return ["text": .text(chat.text), "generated": JSONValue(ranges: chat.generated)]
        } catch {
            return ["error": .text(error.description)]
        }
    }

    private func samples(_ request: JSONValue) -> JSONValue {
        do {
            var conversation = try Conversation(
                reading: request["messages"].array, noun: "message")
            for key in request["extra"].object.keys {
                try conversation.take(key, request["extra"][key])
            }
            let found = try turns(
                conversation, which: .all, bosToken: request["bos"].text,
                eosToken: request["eos"].text, endMarks: request["ends"].array.map(\.text))
            let samples = found.map { sample -> JSONValue in
                [
                    "text": .text(sample.text), "assistant": JSONValue(ranges: sample.assistant),
                ]
            }
            return ["samples": .array(samples)]
        } catch let problem as ConversationProblem {
            return ["error": .text(problem.reason)]
        } catch {
            return ["error": .text("\(error)")]
        }
    }
}

extension String {
    fileprivate var parsed: JSONValue {
        get throws {
            try JSONValue(json: Array(utf8))
        }
    }
}

extension JSONValue {
    fileprivate init(ranges: [Range<Int>]) {
        self = .array(ranges.map { [.integer($0.lowerBound), .integer($0.upperBound)] })
    }

    fileprivate subscript(key: String) -> JSONValue { object[key] ?? .null }

    fileprivate var object: JSONObject { members ?? JSONObject() }

    fileprivate var array: [JSONValue] { items ?? [] }

    fileprivate var text: String { string ?? "" }
}
