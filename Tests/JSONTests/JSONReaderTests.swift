import JSON
import Testing

@Suite struct JSONReaderTests {
    private func reader(_ text: String) throws -> JSONReader<ExampleFault> {
        try JSONReader(root: JSONValue(json: Array(text.utf8)), file: "x.json")
    }

    @Test func namesAValueByItsKeys() throws {
        let root = try reader(#"{"a": {"b": [1, {"c": "d"}], "n": null}, "e": 1.5}"#)
        let list = try root.required("a").required("b")
        #expect(list.location == "x.json, a.b")
        #expect(try list.array()[1].required("c").location == "x.json, a.b[1].c")
        #expect(try list.array()[1].required("c").text() == "d")
        expectFault("x.json, a.b[1]: c is 'd', but must be a token id") {
            try list.array()[1].required("c").tokenID()
        }
        expectFault("x.json, a.b: [0] is 1, but must be a text") { try list.texts() }
        expectFault("x.json, a: n is missing") { try root.required("a").required("n") }
        expectFault("x.json: e is 1.5, but must be a whole number from 1 to 2147483647") {
            try root.count("e", default: nil)
        }
        expectFault("x.json: a is an object of 2 members, but must be a list") {
            try root.texts("a")
        }
        expectFault("x.json: is no JSON object") { try reader("[1]") }
    }

    @Test func nullCountsAsAbsentButForWhatAsks() throws {
        let root = try reader(#"{"null": null, "zero": 0}"#)
        #expect(try root.optionalCount("null", absent: 7) == nil)
        #expect(try root.optionalCount("absent", absent: 7) == 7)
        #expect(try root.tokens("null", default: [3]) == [])
        #expect(try root.tokens("absent", default: [3]) == [3])
        #expect(try root.tokens("zero", default: [3]) == [0])
        #expect(try root.text("null", default: "x") == "x")
        #expect(try root.optionalPositive("null", absent: 1) == nil)
        #expect(root["null"] == nil)
        expectFault("zero is 0, but must be a number above zero") {
            try root.positive("zero", default: 1)
        }
    }

    @Test func remembersWhatWasRead() throws {
        let root = try reader(#"{"a": 1, "b": 2, "c": null, "d": {"e": 1}, "f": 3}"#)
        _ = root["a"]
        root.passOver("f")
        #expect(root.unread.map(\.key) == ["b", "d"])
        let inner = try root.object("d")
        #expect(root.unread.map(\.key) == ["b"])
        #expect(inner?.unread.map(\.key) == ["e"])
    }
}
