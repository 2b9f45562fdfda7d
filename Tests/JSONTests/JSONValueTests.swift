import Faults
import JSON
import Testing

@Suite struct JSONValueTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONValue(json: Array(text.utf8))
    }

    @Test func readsEveryKindOfValue() throws {
        let value = try parse(
            #" {"a": [1, -2.5, 1e3, true, false, null], "b": {"c": "d\"\\\/\b\f\n\r\té😀€"}} "#)
        guard case .object(let members) = value, case .object(let inner)? = members["b"] else {
            Issue.record("no objects")
            return
        }
        #expect(members.keys == ["a", "b"])
        #expect(
            members["a"]
                == .array([
                    .integer(1), .number(-2.5), .number(1000), .boolean(true), .boolean(false),
                    .null,
                ]))
        #expect(inner["c"] == .text("d\"\\/\u{8}\u{C}\n\r\té😀€"))
    }

    @Test func decodesEscapedScalars() throws {
        #expect(try parse(#""\u00e9\u20AC\ud83d\ude00""#) == .text("é€😀"))
    }

    @Test func keepsIntegersExact() throws {
        #expect(try parse("9007199254740993") == .integer(9_007_199_254_740_993))
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("9223372036854775808") == .number(9.223372036854775808e18))
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01",
        "-", "1.", ".5", "1e", "+1", "NaN", "Infinity", "1e999", "tru", "nulll", "\"", "\"\\",
        "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "1 2",
        "{} {}", "'a'", "[1 2]", "\u{FEFF}1",
    ])
    func refuses(_ text: String) {
        expectFault("line ", "is not valid JSON") { try parse(text) }
    }

    @Test func namesLineAndColumn() {
        expectFault("line 2, column 6", "key 'a' stands there twice") {
            try parse("{\"a\": 1,\n     \"a\": 2}")
        }
    }

    @Test func refusesInvalidUTF8() {
        expectFault("not valid UTF-8") {
            try JSONValue(json: [0x22, 0xFF, 0x22])
        }
    }

    @Test func boundsNesting() throws {
        _ = try parse(String(repeating: "[", count: 100) + String(repeating: "]", count: 100))
        expectFault("nested more than 128 deep") {
            try parse(String(repeating: "[", count: 1_000_000))
        }
        expectFault("nested more than 128 deep") {
            try parse(String(repeating: "{\"a\":", count: 1_000_000))
        }
    }
}
