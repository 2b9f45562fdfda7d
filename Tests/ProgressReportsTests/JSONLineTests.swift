import Foundation
import ProgressReports
import TestSupport
import Testing

@Suite struct JSONLineTests {
    @Test func aStepIsThisLine() {
        #expect(
            timed(step(1)).jsonLine
                == #"{"kind":"step","step":1,"epoch":0,"loss":2.3141592653589793,"#
                + #""target_tokens":2048,"tokens":4096,"tokens_per_second":431.5,"#
                + #""learning_rate":0.0002,"gradient_norm":0.30000000000000004,"#
                + #""compute_seconds":2.9,"reduce_seconds":1e-07,"update_seconds":0.0625,"#
                + #""time":1732391234.5}"#)
    }

    @Test func theCollectorsLineNamesRunAndSequenceOnce() throws {
        for record in examples {
            let line = timed(record, sequence: 9).jsonLineWithSender
            #expect(
                line.hasPrefix(
                    #"{"kind":"\#(record.kind)","run_id":"3f2a1b9c77","job_epoch":1,"sequence":9,"#)
            )
            #expect(line.components(separatedBy: "\"run_id\":").count == 2)
        }
    }

    @Test(arguments: examples) func anotherReaderReadsIt(_ record: ProgressRecord) throws {
        let line = timed(record).jsonLine
        #expect(!line.contains("\n"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["kind"] as? String == record.kind)
        #expect(object["time"] as? Double == 1_732_391_234.5)
        switch record {
        case .runStarted(let value):
            #expect(object["run_id"] as? String == value.runID)
            #expect(object["configuration"] as? String == value.configuration)
            #expect(object["hosts"] as? [String] == value.hosts)
            #expect(object["trainable_parameters"] as? Int == value.trainableParameters)
        case .warning(let value): #expect(object["message"] as? String == value.message)
        case .failed(let value): #expect(object["message"] as? String == value.message)
        case .finished: #expect(object["evaluation_loss"] is NSNull)
        case .resumed(let value): #expect(object["changes"] as? [String] == value.changes)
        case .checkpoint(let value): #expect(object["bytes"] as? Int == value.bytes)
        case .evaluation(let value): #expect(object["loss"] as? Double == value.loss)
        case .step(let value):
            // Foundation's JSONSerialization loses the last digit; its JSONDecoder does not.
            let norm = try JSONDecoder().decode(Norm.self, from: Data(line.utf8))
            #expect(norm.gradient_norm == value.gradientNorm)
        case .gap(let value): #expect(object["first_sequence"] as? UInt64 == value.firstSequence)
        }
    }

    private struct Norm: Decodable {
        var gradient_norm: Double
    }

    @Test func everyNumberIsAMeasurement() throws {
        for record in examples {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(timed(record).jsonLine.utf8))
                    as? [String: Any])
            let numbers = object.filter { $0.key != "time" }.values.reduce(0) { count, value in
                switch value {
                case let list as [Any]: count + list.count { $0 is NSNumber }
                case is NSNumber, is NSNull: count + 1
                default: count
                }
            }
            #expect(record.measurements.count == numbers, "\(record)")
        }
        let ranks = detailedStep(1).measurements.filter { $0.name == "rank_compute_seconds" }
        #expect(ranks.map(\.workerRank) == [0, 1, 2])
        #expect(ranks.map(\.value) == [1, 2, 1.5])
    }

    @Test func theStragglerIsNamed() {
        let sentence = timed(detailedStep(1)).sentence
        #expect(sentence.hasSuffix(", rank 1 33 % slower than the mean, 9 min 40 s left"))
    }

    @Test func numbersReadBackAsTheSameDouble() throws {
        var generator = SeededGenerator()
        for _ in 0..<2000 {
            let value = Double(bitPattern: .random(in: .min ... .max, using: &generator))
            let line = timed(step(1, loss: value)).jsonLine
            let part = line.components(separatedBy: "\"loss\":")[1].prefix { $0 != "," }
            if value.isFinite {
                #expect(Double(part)?.bitPattern == value.bitPattern)
            } else {
                #expect(part == "null")
            }
        }
    }

    @Test func sentencesArePlain() {
        for record in examples {
            let sentence = timed(record).sentence
            #expect(sentence.unicodeScalars.allSatisfy { $0.value >= 0x20 }, "\(sentence)")
        }
        let attack = timed(.warning(.init(step: 1, message: "\u{1B}]0;owned\u{7}\r\u{202E}x")))
        #expect(!attack.sentence.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
        #expect(
            timed(step(1)).sentence
                == "step 1: loss 2.3142, 432 tokens/s, learning rate 0.0002, gradient norm 0.3000, "
                + "2048 target tokens, compute 2.90 s, reduce 0.00 s, update 0.06 s")
    }
}
