import JSON
import Testing

@Suite struct JSONWritingTests {
    private let value: JSONValue = [
        "a": [1, -2.5, true, .null], "b": [:], "c": [], "d": ["e": "f"],
    ]

    @Test func writesOneLine() {
        #expect(value.line == #"{"a":[1,-2.5,true,null],"b":{},"c":[],"d":{"e":"f"}}"#)
        #expect(value.members?.line == value.line)
        #expect(
            value.spacedLine
                == #"{"a": [1, -2.5, true, null], "b": {}, "c": [], "d": {"e": "f"}}"#)
    }

    @Test func writesFiles() {
        let pretty = """
            {
              "a": [
                1,
                -2.5,
                true,
                null
              ],
              "b": {},
              "c": [],
              "d": {
                "e": "f"
              }
            }

            """
        #expect(String(decoding: value.encoded(), as: UTF8.self) == pretty)
        let lines = """
            {
              "a": [1, -2.5, true, null],
              "b": {},
              "c": [],
              "d": {"e": "f"}
            }

            """
        #expect(value.members.map { String(decoding: $0.memberLines(), as: UTF8.self) } == lines)
    }

    @Test func escapesWhatItMust() throws {
        let text = String(String.UnicodeScalarView((0..<0x20).compactMap(Unicode.Scalar.init)))
        let line = JSONValue.text(text + "\"\\/\u{7F}é😀").line
        #expect(line.hasPrefix(#""\u0000\u0001"#))
        #expect(line.contains(#"\u0007\u0008\u0009\n\u000b\u000c\u000d\u000e"#))
        #expect(line.hasSuffix("\\u001f\\\"\\\\/\u{7F}é😀\""))
        #expect(JSONValue(text: line) == .text(text + "\"\\/\u{7F}é😀"))
    }

    @Test func numbersReadBackAsTheSame() {
        for value in [
            0.1, 1e-07, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.30000000000000004, -0.0,
            1e16, 123456.5,
        ] {
            let line = JSONValue.number(value).line
            #expect(Double(line)?.bitPattern == value.bitPattern, "\(line)")
            #expect(JSONValue(text: line)?.double?.bitPattern == value.bitPattern, "\(line)")
        }
        #expect(JSONValue.number(.nan).line == "null")
        #expect(JSONValue.number(-.infinity).line == "null")
        #expect(JSONValue.integer(.min).line == "-9223372036854775808")
    }

    @Test func valuesOfSwiftHaveOneForm() {
        var object = JSONObject()
        object.set("absent", Int?.none)
        object.set("texts", ["x", "y"])
        object.set("numbers", [0.5, .nan])
        object.set("objects", [["a": 1] as JSONObject])
        object.set("flag", true)
        #expect(
            object.line
                == #"{"absent":null,"texts":["x","y"],"numbers":[0.5,null],"objects":[{"a":1}],"flag":true}"#
        )
    }
}
