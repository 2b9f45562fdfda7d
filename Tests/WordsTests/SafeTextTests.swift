import Testing
import Words

@Suite struct SafeTextTests {
    @Test func nothingSteersTheTerminal() {
        #expect("a\nb\tc\r".printable == "a b c ")
        #expect("\u{1B}[31m\u{7F}\u{9B}".printable == "\u{FFFD}[31m\u{FFFD}\u{FFFD}")
        #expect("\u{202E}x\u{2066}\u{2028}".printable == "\u{FFFD}x\u{FFFD}\u{FFFD}")
        #expect("é 中 😀".printable == "é 中 😀")
    }

    @Test func namesStandBetweenQuotesOnOneLine() {
        #expect("a\nb\u{1B}é".quoted == "'a\\nb\\u{1B}é'")
        #expect(String(repeating: "x", count: 120).quoted.count == 122)
        #expect(String(repeating: "x", count: 121).quoted.hasSuffix("x…'"))
        #expect("a\n'".excerpt() == "a\\n\\'")
        #expect("abcdef".excerpt(3) == "abc…")
        #expect("abc".excerpt(3) == "abc")
    }
}
