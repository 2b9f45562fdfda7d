import Testing
import Words

@Suite struct NearestWordTests {
    @Test(arguments: [
        ("", "", 0), ("", "ab", 2), ("rank", "rank", 0), ("rank", "rnak", 1), ("rank", "ran", 1),
        ("ran", "rank", 1), ("rank", "bank", 1), ("steps", "stpe", 2), ("kitten", "sitting", 3),
        ("größe", "grosse", 3),
    ])
    func countsEditsBothWays(_ first: String, _ second: String, _ count: Int) {
        #expect(edits(from: first, to: second, atMost: 3) == count)
        #expect(edits(from: second, to: first, atMost: 3) == count)
    }

    @Test func longerWordsAreNotCompared() {
        #expect(edits(from: "a", to: String(repeating: "a", count: 1 << 20), atMost: 2) == 3)
    }

    @Test func findsWhatIsNearEnough() {
        let words = ["show", "list", "compare"]
        #expect(nearestWord(to: "SHWO", among: words) == "show")
        #expect(nearestWord(to: "compaer", among: words) == "compare")
        #expect(nearestWord(to: "lost it", among: words) == nil)
        #expect(nearestWord(to: "xy", among: ["x"]) == nil)
        #expect(nearestWord(to: "show", among: []) == nil)
    }
}
