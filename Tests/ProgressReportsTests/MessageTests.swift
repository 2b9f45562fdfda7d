import Foundation
import ProgressReports
import TestSupport
import Testing

@Suite struct MessageTests {
    @Test(arguments: examples) func readsBackWhatItWrote(_ record: ProgressRecord) throws {
        let original = timed(record, sequence: .max, nanoseconds: -5)
        let back = try ProgressMessage.decode(ProgressMessage.encode(original))
        #expect(same(back.record, original.record))
        #expect(back.runID == original.runID)
        #expect(back.sequence == .max)
        #expect(back.unixTimeNanoseconds == -5)
    }

    /// The judge is Google's protoc, which shares no code with protobuf-c.
    @Test func protocReadsIt() throws {
        let expected: [[String]] = [
            [
                "run_started {", #"configuration: "model: \"x\"\nrank: 8\n""#, "world_size: 8",
                "lanes_per_rank: 2", #"hosts: "node1""#, #"hosts: "node2""#, "total_steps: 400",
                "trainable_parameters: 460800", #"kernel_id: "SkylakeX/avx512/1""#,
            ],
            [
                "step {", "step: 1", "epoch: 0", "loss: 2.3141592653589793", "target_tokens: 2048",
                "tokens: 4096", "tokens_per_second: 431.5", "learning_rate: 0.0002",
                "gradient_norm: 0.30000000000000004", "compute_seconds: 2.9",
                "reduce_seconds: 1e-07", "update_seconds: 0.0625",
            ],
            [
                "evaluation {", "step: 50", "loss: 2.0625", "target_tokens: 12345", "samples: 100",
                "seconds: 3.5",
            ],
            ["checkpoint {", "bytes: 5000000000", #"manifest_sha256: "00ff""#, "seconds: 0.25"],
            [
                "resumed {", "world_size: 2", "previous_world_size: 3",
                #"changes: "steps: 100 -> 200""#, #"changes: """#,
            ],
            ["warning {", "step: 51", #"message: "disk \\ nearly full"#],
            [
                "finished {", "loss: 1.5", "evaluation_loss: nan", "seconds: 1234.5",
                #"adapter_path: "run/adapter""#, #"adapter_sha256: "abcdef0123456789""#,
            ],
            ["failed {", "exit_code: 75", #"message: "no space\nleft""#],
        ]
        for (record, lines) in zip(examples, expected) {
            let decoded = try protoc(ProgressMessage.encode(timed(record, sequence: 9)))
            for line in lines + ["sequence: 9", "unix_time_ns: 1732391234500000000"] {
                #expect(decoded.contains(line), "\(decoded)")
            }
        }
    }

    private func protoc(_ bytes: [UInt8]) throws -> String {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let input = scratchPath("message")
        try Data(bytes).write(to: URL(fileURLWithPath: input))
        defer { try? FileManager.default.removeItem(atPath: input) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "protoc", "--decode=lora.progress.Envelope", "-I\(root.path)/proto", "progress.proto",
        ]
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input))
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "protoc is needed (apt install protobuf-compiler)")
        return String(decoding: output, as: UTF8.self)
    }

    @Test func textsThatAreTooLongAreCutVisibly() throws {
        let long = String(repeating: "ü", count: 100_000)
        let many = Array(repeating: String(repeating: "ü", count: 300), count: 3000)
        let records: [ProgressRecord] = [
            .runStarted(
                .init(
                    runID: long, configuration: long, worldSize: 5000, lanesPerRank: 1,
                    hosts: many, kernelID: long, totalSteps: 1,
                    trainableParameters: 1)),
            .checkpoint(.init(step: 1, path: long, bytes: 1, seconds: 1, manifestSHA256: long)),
            .resumed(
                .init(
                    step: 1, path: long, worldSize: 1, previousWorldSize: 1,
                    changes: many)),
            .warning(.init(step: 1, message: long)),
            .finished(
                .init(
                    step: 1, loss: 1, evaluationLoss: 1, seconds: 1, adapterPath: long,
                    adapterSHA256: long)),
            .failed(.init(step: 1, exitCode: 1, message: long)),
        ]
        for record in records {
            let bytes = ProgressMessage.encode(timed(record))
            #expect(bytes.count <= ProgressMessage.maximumBytes, "\(record.kind)")
            #expect("\(try ProgressMessage.decode(bytes).record)".contains("(cut)"))
        }
    }

    @Test func aZeroCharacterCannotHideTheRest() throws {
        let bytes = ProgressMessage.encode(timed(.warning(.init(step: 1, message: "a\0b"))))
        let back = try ProgressMessage.decode(bytes)
        #expect(back.record == .warning(.init(step: 1, message: "a\u{FFFD}b")))
    }

    @Test func hostileBytesAreRefusedOrRead() throws {
        // Envelope fields: 1 run_id, 2 sequence, 3 time; 15 warning {1 step, 2 message}.
        let head: [UInt8] = [0x0A, 1, 0x72, 0x10, 1, 0x18, 1]
        let warning: [UInt8] = [0x7A, 5, 0x08, 1, 0x12, 1, 0x78]
        #expect(try ProgressMessage.decode(head + warning).record.kind == "warning")
        let refused: [[UInt8]] = [
            [], [0], head, warning, Array((head + warning).dropLast()),
            [UInt8](repeating: 0x7A, count: 70_000),
            // A record without its fields, a length beyond the end, text that is not UTF-8.
            head + [0x7A, 0], head + [0x7A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            head + [0x7A, 5, 0x08, 1, 0x12, 1, 0xFF],
            // Two different records: a warning and a failure.
            head + warning + [0x8A, 1, 6, 0x08, 1, 0x10, 1, 0x1A, 0],
        ]
        for bytes in refused {
            #expect(throws: ProgressError.self) { try ProgressMessage.decode(bytes) }
        }
        // Unknown field 100 is a newer sender's.
        #expect(throws: Never.self) {
            try ProgressMessage.decode(head + warning + [0xA0, 0x06, 1])
        }
    }

    @Test func damagedMessagesNeverCrash() {
        var generator = SeededGenerator()
        var read = 0
        for record in examples {
            let whole = ProgressMessage.encode(timed(record))
            for _ in 0..<2000 {
                var bytes = whole
                for _ in 0...Int.random(in: 0...3, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
                        in: .min ... .max, using: &generator)
                }
                bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count * 2, using: &generator)))
                if let back = try? ProgressMessage.decode(bytes) {
                    read += back.sentence.isEmpty || back.jsonLine.isEmpty ? 0 : 1
                }
            }
        }
        #expect(read > 0)
    }
}
