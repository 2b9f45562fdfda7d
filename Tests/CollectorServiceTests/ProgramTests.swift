import Foundation
import ProgressDelivery
import ProgressReports
import RunStore
import Testing

/// `lora-collector` as a user starts it.
@Suite(.timeLimit(.minutes(10))) struct ProgramTests {
    private func start(_ arguments: [String]) throws -> (process: Process, output: Pipe) {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: own)
            .deletingLastPathComponent().appendingPathComponent("lora-collector")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        return (process, pipe)
    }

    @Test(arguments: [SIGINT, SIGTERM]) func storesAndEndsOnASignal(_ signal: Int32) throws {
        let store = NSTemporaryDirectory() + "lora-collector-\(UUID().uuidString).sqlite"
        defer { try? FileManager.default.removeItem(atPath: store) }
        let (process, output) = try start([
            "--listen", "127.0.0.1:0", "--store", store, "--http", "127.0.0.1:0",
        ])
        var said = ""
        while !said.contains("\n") {
            said += String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        }
        let prefix = "listening on 127.0.0.1:"
        #expect(said.hasPrefix(prefix))
        let port = try #require(UInt16(said.dropFirst(prefix.count).prefix { $0.isNumber }))
        let stream = try CollectorStream(
            address: CollectorAddress(host: "127.0.0.1", port: port), spoolFolder: nil)
        stream.receive(warning(1))
        stream.finish(timeoutSeconds: 30)
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 0)
        #expect(try RunStore(reading: store).records(of: testRunID) == [warning(1)])
    }

    @Test(
        arguments: [
            (["--listen", "nonsense"], Int32(78), "error: --listen: 'nonsense' is not HOST:PORT"),
            (["--store", "/nowhere/x", "--listen", "127.0.0.1:0"], 78, "error: /nowhere/x: "),
            (["--listen", "0.0.0.0:0"], 78, "Give --token-file"),
            (["--unknown"], 64, "--unknown"),
            (["--store", "a", "--store=b"], 78, "error: --store: is given 2 times (a, b)"),
        ])
    func badArgumentsAreNamed(
        _ arguments: [String], _ status: Int32, _ text: String
    ) throws {
        let (process, output) = try start(arguments)
        let said = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == status)
        #expect(said.contains(text), "\(said)")
    }
}
