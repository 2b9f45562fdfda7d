import ChatTemplates
import JSON
import Testing

@Suite struct MessageTests {
    @Test func aMessageKeepsEveryMember() {
        let object = JSONObject([
            ("role", .text("assistant")), ("content", .null), ("tool_calls", .array([])),
        ])
        let message = ChatMessage(object)
        #expect(message?.object == object && message?.role == "assistant")
        #expect(message?.content == nil)
        #expect(ChatMessage(JSONObject([("role", .integer(1))])) == nil)
    }
}
