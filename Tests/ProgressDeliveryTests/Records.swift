import Foundation
import ProgressReports

let runID = "0123456789abcdef"

func record(_ record: ProgressRecord, _ epoch: UInt64, _ sequence: UInt64) -> TimedRecord {
    TimedRecord(
        runID: runID, epoch: epoch, sequence: sequence, unixTimeNanoseconds: 1, record: record)
}

func step(_ number: Int) -> ProgressRecord {
    .step(
        .init(
            step: number, epoch: 0, loss: 2, targetTokens: 2048, tokens: 4096,
            tokensPerSecond: 431.5, learningRate: 2e-4, gradientNorm: 0.3, computeSeconds: 2.9,
            reduceSeconds: 1e-7, updateSeconds: 0.0625))
}

func checkpoint(_ number: Int) -> ProgressRecord {
    .checkpoint(.init(step: number, path: "p", bytes: 1, seconds: 1, manifestSHA256: "00"))
}

/// Holds a port on which nobody listens yet, so that no other test is given it.
final class HeldPort: Sendable {
    private let descriptor: Int32
    let address: CollectorAddress

    init() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        // Lets a server that sets it too bind beside this socket.
        var on: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, size)
                getsockname(descriptor, $0, &size)
            }
        }
        address = CollectorAddress(host: "127.0.0.1", port: UInt16(bigEndian: name.sin_port))
    }

    deinit { close(descriptor) }
}
