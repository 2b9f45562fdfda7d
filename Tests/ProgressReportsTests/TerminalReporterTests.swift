import Foundation
import ProgressReports
import Testing
import Words

@Suite struct TerminalReporterTests {
    private func output(
        _ style: TerminalReporter.Style?, _ records: [TimedRecord], totalSteps: Int = 400,
        with more: (TerminalReporter) -> Void = { _ in }
    ) throws -> String {
        let pipe = Pipe()
        let reporter = TerminalReporter(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, totalSteps: totalSteps,
            style: style)
        for record in records { reporter.receive(record) }
        more(reporter)
        reporter.finish(timeoutSeconds: 1)
        try pipe.fileHandleForWriting.close()
        return String(
            decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    @Test func aPipeGetsOnePlainLineARecord() throws {
        let text = try output(nil, examples.map { timed($0) })
        #expect(text.split(separator: "\n").count == examples.count)
        #expect(text.hasSuffix("\n"))
        #expect(!text.contains("\r") && !text.contains("\u{1B}"))
        #expect(text.contains("step 1/400: loss 2.3142, "))
        #expect(
            text.contains("run 3f2a\"\u{FFFD}Grüße started: 8 ranks with 2 lanes each on 2 hosts"))
        #expect(text.contains("finished after step 400: loss 1.5000, 20 min 35 s; adapter in"))
        #expect(text.contains("failed at step 7 with exit code 75: no space left"))
    }

    @Test func aLogCollectorGetsJSONAlone() throws {
        let text = try output(.json, examples.map { timed($0) }) { $0.tell("disk\nfull") }
        let lines = text.split(separator: "\n")
        let objects = try lines.map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(
            objects.map { $0["kind"] as? String } == examples.map(\.kind) + ["trouble"])
        #expect(objects.allSatisfy { $0["time"] is NSNumber })
        #expect(objects[1]["run_id"] as? String == "3f2a1b9c77")
        #expect(objects.last?["message"] as? String == "disk\nfull")
    }

    @Test func aTerminalGetsAViewAndLinesAboveIt() throws {
        var records = [timed(examples[0])]
        for number in 1...64 {
            records.append(timed(step(number, loss: 5 - Double(number) / 16)))
        }
        records += [timed(examples[2]), timed(examples[3]), timed(examples[5])]
        records.append(timed(detailedStep(110)))
        let style = TerminalReporter.Style.live(columns: 80, colours: true, isUnicode: true)
        let text = try output(style, records) { $0.tell("no room") }
        #expect(
            text.contains("\u{1B}[33mwarning at step 51: disk \\ nearly full \u{1F4BE}\u{1B}[0m\n"))
        var screen = Screen()
        screen.show(text)
        // Everything but steps scrolls by above; the view stands below, once.
        #expect(screen.lines.count == 4 + 1 + 3)
        let view = screen.lines.suffix(3).map { $0 }
        #expect(view[0].hasPrefix("[") && view[0].hasSuffix("] 110/400  9 min 40 s left"))
        #expect(view[0].contains("[###########.............................]"))
        #expect(view[1].hasPrefix("loss 2.3142 "))
        #expect(view[1].hasSuffix("  held-out 2.0625  432 tokens/s"))
        // Falls all the way, then rises by a third at the last value.
        #expect(view[1].contains("█") && view[1].contains("▁"))
        #expect(
            view[2]
                == "8 ranks on 2 hosts  checkpoint of step 50  rank 1 33 % slower than the mean")
        #expect(screen.lines[4] == "warning: no room")
        #expect(
            screen.lines.allSatisfy {
                !$0.contains("loss") || $0 == view[1] || $0.contains("held-out loss")
            })
    }

    @Test func aTerminalWithoutUTF8GetsASCII() throws {
        let text = try output(
            .live(columns: 80, colours: false, isUnicode: false),
            (1...20).map { timed(step($0, loss: Double($0))) } + [timed(examples[6])])
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
        #expect(text.contains("loss 20.0000 ___..---==++***##@@@  432 tokens/s"))
    }

    @Test func narrowWindowsAreNeverOverrun() throws {
        for columns in [1, 2, 10, 20, 30, 41, 60] {
            let text = try output(
                .live(columns: columns, colours: false, isUnicode: true),
                [timed(detailedStep(1))])
            var screen = Screen()
            screen.show(text)
            #expect(
                screen.lines.allSatisfy { $0.count < columns }, "\(columns): \(screen.lines)")
        }
    }

    @Test func aRunLongerThanPlannedStillDraws() throws {
        let text = try output(
            .live(columns: 80, colours: false, isUnicode: false),
            [timed(step(5)), timed(step(9))], totalSteps: 0)
        #expect(text.contains(" 9/0"))
    }

    @Test func theSparklineShowsTheWholeRunInItsWidth() {
        var line = Sparkline()
        #expect(line.text(width: 10, isUnicode: true) == "")
        line.add(.nan)
        line.add(1)
        #expect(line.text(width: 10, isUnicode: true) == "▁")
        for value in 2...1000 { line.add(Double(value)) }
        let text = line.text(width: 8, isUnicode: true)
        #expect(text == "▁▂▃▄▅▆▇█")
        #expect(line.text(width: 64, isUnicode: false).count <= 64)
        #expect(line.text(width: 0, isUnicode: true) == "")
    }
}

/// As much of a terminal as the view needs; lines never wrap.
struct Screen {
    private(set) var lines = [""]
    private var row = 0
    private var column = 0

    mutating func show(_ text: String) {
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\n":
                row += 1
                column = 0
                if row == lines.count { lines.append("") }
            case "\r": column = 0
            case "\u{1B}":
                let number = rest.dropFirst().prefix { ("0"..."9").contains($0) }
                let command = rest.dropFirst(1 + number.count).first
                rest = rest.dropFirst(2 + number.count)
                obey(command, Int(String(String.UnicodeScalarView(number))) ?? 1)
            default: put(Character(scalar))
            }
        }
        if lines.last == "" { lines.removeLast() }
    }

    private mutating func obey(_ command: Unicode.Scalar?, _ number: Int) {
        switch command {
        case "A": row = max(0, row - number)
        case "J":
            lines.removeSubrange((row + 1)...)
            lines[row] = String(lines[row].prefix(column))
        default: break
        }
    }

    private mutating func put(_ character: Character) {
        var line = Array(lines[row])
        while line.count <= column { line.append(" ") }
        line[column] = character
        lines[row] = String(line)
        column += 1
    }
}
