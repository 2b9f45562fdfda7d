import Testing
import Words

@Suite struct NumbersTests {
    @Test(arguments: [
        (0.0, 0, "0"), (-0.4, 0, "0"), (0.05, 1, "0.1"), (-1.25, 1, "-1.3"), (1234.5, 0, "1235"),
        (0.00049, 4, "0.0005"), (12.0, 2, "12.00"), (1e16, 2, "1e+16"), (.infinity, 1, "inf"),
    ])
    func decimalsAreRoundedAwayFromZero(_ value: Double, _ places: Int, _ text: String) {
        #expect(decimal(value, places: places) == text)
    }

    @Test(arguments: [
        (1234567.89, 1, "1,234,567.9"), (-1000, 0, "-1,000"), (999.96, 1, "1,000.0"),
        (.nan, 1, "-"), (0.004, 2, "0.00"),
    ])
    func thousandsAreParted(_ value: Double, _ decimals: Int, _ text: String) {
        #expect(value.shown(decimals: decimals) == text)
    }

    @Test func bytesAndDurationsHaveUnits() {
        #expect(1023.shownBytes == "1023 bytes")
        #expect(1536.shownBytes == "1.5 KiB")
        #expect((200 << 20).shownBytes == "200 MiB")
        #expect(duration(seconds: 59.6) == "1 min 00 s")
        #expect(duration(seconds: 42) == "42 s")
        #expect(duration(seconds: 7500) == "2 h 05 min")
        #expect(duration(seconds: -1) == "unknown time")
        #expect(counted(1, "rank") + counted(2, "rank") == "1 rank2 ranks")
    }

    @Test func tablesAreAsWideAsTheyNeed() {
        var table = TextTable()
        table.add(["name", "n", ""])
        table.add(["x", "1000", ""])
        #expect(table.text == "name     n\nx     1000")
        #expect(table.alignedLeft.text == "name  n\nx     1000")
    }

    @Test func barsShowAShare() {
        #expect(progressBar(0.5, cells: 4) == "[##..]")
        #expect(progressBar(7, cells: 2) == "[##]")
        #expect(progressBar(-1, cells: 2) == "[..]")
    }
}
