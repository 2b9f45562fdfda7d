import JSON
import Testing

@Suite struct JSONObjectTests {
    /// Small objects are searched, larger ones have a table of their keys.
    @Test(arguments: [1, 15, 16, 17, 18, 300])
    func findsSetsAndRemovesKeys(_ count: Int) {
        var object = JSONObject()
        for key in 0..<count { object.set("key \(key)", key) }
        for key in 0..<count { #expect(object["key \(key)"] == .integer(key)) }
        #expect(object["key \(count)"] == nil)
        object.set("key 0", "another")
        #expect(object.keys == (0..<count).map { "key \($0)" })
        #expect(object["key 0"] == "another")

        object.remove("key 0")
        object.remove("never there")
        #expect(object.keys == (1..<count).map { "key \($0)" })
        for key in 1..<count { #expect(object["key \(key)"] == .integer(key)) }
        object["key 0"] = .null
        #expect(object.keys.last == "key 0")
        #expect(Array(object).map(\.0) == object.keys)
    }

    @Test func tellsKeysApartByTheirBytes() throws {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        let object: JSONObject = [composed: 1, decomposed: 2]
        #expect(object[composed] == 1)
        #expect(object[decomposed] == 2)
        #expect(JSONObject([(composed, 1)]) != JSONObject([(decomposed, 1)]))
    }

    @Test func theOrderIsPartOfIt() {
        #expect((["a": 1, "b": 2] as JSONObject) != ["b": 2, "a": 1])
        #expect((["a": 1] as JSONObject) != ["a": 1.5])
    }

    @Test func leavesOutNullMembersOnly() {
        let value: JSONValue = ["a": .null, "b": [.null, ["c": .null]], "d": 1]
        #expect(value.withoutNulls == ["b": [.null, [:]], "d": 1])
    }
}
