import Foundation
import MetricsOutlets
import ProgressReports
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct FileOutletTests {
    // MARK: Prometheus

    @Test func labelsCannotBeLeft() {
        var text = PrometheusText()
        // Joined with a mark that follows, or with a carriage return before, they are one character.
        let name = "a\"\u{301}} 1\\\u{301}\r\nlora_step_loss 7"
        text.add(step(1), runID: "r\n\"", runName: name)
        let lines = text.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.last == "")
        for line in lines.dropLast() {
            let isComment =
                line.hasPrefix("# HELP lora_step_") || line.hasPrefix("# TYPE lora_step_")
            let isSample =
                line.hasPrefix("lora_step_") && line.contains("{run_id=\"r\\n\\\"\",run_name=")
            #expect(isComment || isSample, "\(line)")
        }
        #expect(text.text.unicodeScalars.filter { $0 == "\n" }.count == lines.count - 1)
        #expect(text.text.contains("lora_step_rank_compute_seconds{"))
        #expect(text.text.contains(",rank=\"1\"} 2.25\n"))
    }

    @Test func theTextFileIsAlwaysWhole() throws {
        let path = scratchPath("run.prom")
        let told = Told()
        let sink = try PrometheusTextFile(path: path, runName: "night", tell: told.add)
        sink.receive(timed(evaluation))
        for number in 1...3 { sink.receive(timed(step(number))) }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains("lora_step_step{run_id=\"run-1\",run_name=\"night\"} 3.0\n"))
        #expect(text.contains("lora_evaluation_loss{run_id=\"run-1\",run_name=\"night\"} NaN\n"))
        #expect(text.hasSuffix("\n"))
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let name = URL(fileURLWithPath: path).lastPathComponent
        let beside = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasPrefix(name)
        }
        #expect(beside == [name])
        #expect(told.lines.isEmpty)
    }

    @Test func aPlaceThatCannotBeWrittenIsToldOnce() throws {
        let told = Told()
        let folder = scratchPath("folder")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let sink = try PrometheusTextFile(
            path: folder + "/run.prom", runName: "night", tell: told.add)
        try FileManager.default.removeItem(atPath: folder)
        for number in 1...3 { sink.receive(timed(step(number))) }
        sink.finish(timeoutSeconds: 1)
        #expect(told.lines.count == 2)
        #expect(told.lines[1] == "\(folder)/run.prom: 3 records could not be passed on")
        let away = #expect(throws: ProgressError.self) {
            try PrometheusTextFile(path: folder + "/run.prom", runName: "night")
        }
        #expect(away?.location == folder + "/run.prom")
        let fault = #expect(throws: ProgressError.self) {
            try PrometheusTextFile(path: "run.txt", runName: "night")
        }
        #expect(fault?.location == "--prometheus-file")
    }

    // MARK: JSON lines

    @Test func aLineThatWasTornDoesNotSpoilTheNext() throws {
        let path = scratchPath("fifo")
        mkfifo(path, 0o600)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        let told = Told()
        let sink = try JSONLinesFile(path: path, tell: told.add)
        // The smallest pipe: one page, which a long warning overruns.
        _ = fcntl(reader, 1031, 4096)
        let long = String(repeating: "x", count: 10_000)
        sink.receive(timed(.warning(.init(step: 1, message: long))))
        #expect(told.lines.count == 1)
        var bytes = drain(reader)
        sink.receive(timed(step(2)))
        bytes += drain(reader)
        sink.finish(timeoutSeconds: 1)
        let lines = bytes.split(separator: 10)
        #expect(lines.count == 2)
        let last = try JSONSerialization.jsonObject(with: Data(lines[1])) as? [String: Any]
        #expect(last?["step"] as? Int == 2)
    }

    private func drain(_ descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }

    @Test func aFIFOWithoutAReaderIsNamed() {
        let path = scratchPath("fifo")
        mkfifo(path, 0o600)
        let fault = #expect(throws: ProgressError.self) { try JSONLinesFile(path: path) }
        #expect(fault?.location == path)
    }

    // MARK: TensorBoard

    @Test func eventFilesAreWhole() throws {
        let folder = scratchPath("tensorboard")
        let sink = try TensorBoardEventFile(folder: folder, host: "node1", resumedStep: 7)
        sink.receive(timed(step(8)))
        sink.receive(timed(.warning(.init(step: 8, message: "only words"))))
        sink.finish(timeoutSeconds: 1)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(names.count == 1 && names[0].hasPrefix("events.out.tfevents."))
        let bytes = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: folder + "/" + names[0])))
        var rest = bytes[...]
        var sizes: [Int] = []
        while rest.count >= 16 {
            let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(12 + length + 4)
            sizes.append(length)
        }
        // Version, session start, the step with its eleven numbers and two ranks, the warning's step.
        #expect(rest.isEmpty)
        #expect(sizes.count == 4)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("brain.Event:2"))
        #expect(text.contains("step/rank_compute_seconds/1"))
    }

    @Test func aFolderThatCannotBeMadeIsNamed() {
        let fault = #expect(throws: ProgressError.self) {
            try TensorBoardEventFile(folder: "/proc/nowhere", host: "node1", resumedStep: nil)
        }
        #expect(fault?.location?.hasPrefix("/proc/nowhere/events.out.tfevents.") == true)
        #expect(fault?.hint?.contains("--tensorboard off") == true)
    }
}
