import Foundation
import TestSupport
import Testing

/// `lora-collector`, running on free ports.
final class CollectorProgram {
    private let process = Process()
    let port: UInt16
    let pagePort: UInt16

    /// Has both ports when it returns.
    init(_ flags: [String]) throws {
        process.executableURL = URL(fileURLWithPath: Programs.folder + "/lora-collector")
        process.arguments = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"] + flags
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        var said = ""
        while said.split(separator: "\n", omittingEmptySubsequences: false).count < 3 {
            let more = pipe.fileHandleForReading.availableData
            try #require(!more.isEmpty, "it ended: \(said)")
            said += String(decoding: more, as: UTF8.self)
        }
        let ports = said.split(separator: "\n").compactMap { line in
            line.split(separator: " ").compactMap { word in
                word.split(separator: ":").last.flatMap { UInt16($0.prefix { $0.isNumber }) }
            }.first
        }
        port = try #require(ports.first)
        pagePort = try #require(ports.dropFirst().first)
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
