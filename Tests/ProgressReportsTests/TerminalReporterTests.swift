import Foundation
import ProgressReports
import Testing

@Suite struct TerminalReporterTests {
    private func output(
        _ style: TerminalReporter.Style?, _ records: [TimedRecord], totalSteps: Int = 400
    ) throws -> String {
        let pipe = Pipe()
        let reporter = TerminalReporter(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, totalSteps: totalSteps,
            style: style)
        for record in records { reporter.receive(record) }
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

    @Test func aTerminalGetsABarAndLinesAboveIt() throws {
        let text = try output(
            .progressBar(columns: 80, colours: true),
            [
                timed(step(100), nanoseconds: 0), timed(examples[5]),
                timed(detailedStep(110)),
            ])
        let first = "[########........................] 100/400  loss 2.3142  432 tokens/s"
        let warning = "warning at step 51: disk \\ nearly full \u{1F4BE}"
        let second = " 110/400  loss 2.3142  432 tokens/s  9 min 40 s left\n"
        #expect(text.contains(" 100/400  loss 2.3142  432 tokens/s\r\u{1B}[K"))
        #expect(text.contains("\r\u{1B}[K\u{1B}[33m\(warning)\u{1B}[0m\n["))
        #expect(text.hasSuffix(second))
        #expect(first.count <= 79)
        let bars = text.components(separatedBy: "\r\u{1B}[K")
        #expect(bars.allSatisfy { $0.split(separator: "\n").last.map { $0.count <= 79 } ?? true })
    }

    @Test func narrowWindowsAreNeverOverrun() throws {
        for columns in [1, 2, 10, 20, 30, 41, 60] {
            let text = try output(
                .progressBar(columns: columns, colours: false),
                [timed(step(1), nanoseconds: 0), timed(step(400), nanoseconds: 4)])
            let bars = text.dropLast().components(separatedBy: "\r\u{1B}[K")
            #expect(bars.allSatisfy { $0.count < columns }, "\(columns): \(bars)")
        }
    }

    @Test func aRunLongerThanPlannedStillDraws() throws {
        let text = try output(
            .progressBar(columns: 80, colours: false),
            [timed(step(5), nanoseconds: 0), timed(step(9), nanoseconds: 1)], totalSteps: 0)
        #expect(text.contains(" 9/0 "))
    }
}
