import Foundation

/// `lora-collector`, running on free ports.
public final class CollectorProgram {
    private let process = Process()
    public let port: UInt16
    public let pagePort: UInt16

    /// Has both ports when it returns.
    public init(_ flags: [String]) throws {
        process.executableURL = URL(fileURLWithPath: Programs.folder + "/lora-collector")
        process.arguments = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"] + flags
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        var said = ""
        while said.split(separator: "\n", omittingEmptySubsequences: false).count < 3 {
            let more = pipe.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Ended(said: said) }
            said += String(decoding: more, as: UTF8.self)
        }
        let ports = said.split(separator: "\n").compactMap { line in
            line.split(separator: " ").compactMap { word in
                word.split(separator: ":").last.flatMap { UInt16($0.prefix { $0.isNumber }) }
            }.first
        }
        guard ports.count == 2 else { throw Ended(said: said) }
        (port, pagePort) = (ports[0], ports[1])
    }

    /// It did not begin to listen.
    struct Ended: Error {
        let said: String
    }

    public func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
