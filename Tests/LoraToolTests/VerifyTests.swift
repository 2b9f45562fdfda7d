import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct VerifyTests {
    @Test func aGoodRunIsGoodAndInspectTellsOfIt() throws {
        let tool = try Tool()
        defer { tool.remove() }
        let run = try tool.trainedRun()
        let result = try tool.lora("verify", run)
        #expect(result.exitCode == 0)
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.hasPrefix("good ") })

        let ofRun = try tool.lora("inspect", run)
        #expect(ofRun.exitCode == 0)
        for text in ["finished at step 4", "step-00000004", "slice-size: 2"] {
            #expect(ofRun.output.contains(text), "\(text) in \(ofRun.output)")
        }
        let ofCheckpoint = try tool.lora("inspect", run + "/checkpoints/step-00000000/")
        #expect(ofCheckpoint.exitCode == 0)
        #expect(ofCheckpoint.output.contains("0 of 4"))
        #expect(ofCheckpoint.output.contains("second_moment.safetensors"))
    }

    @Test(arguments: [
        "checkpoints/step-00000000/adapter_model.safetensors",
        "checkpoints/step-00000004/MANIFEST.json", "adapter/adapter_model.safetensors",
        "adapter/adapter_config.json", "finished.json",
    ])
    func aDamagedFileIsFound(file: String) throws {
        let tool = try Tool()
        defer { tool.remove() }
        let run = try tool.trainedRun()
        let path = "\(run)/\(file)"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count / 2] ^= 0x40
        bytes[0] ^= 0x40
        try bytes.write(to: URL(fileURLWithPath: path))
        let result = try tool.lora("verify", run)
        #expect(result.exitCode == 78)
        let damaged = result.output.split(separator: "\n").filter { $0.hasPrefix("damaged ") }
        #expect(damaged.count == 1, "\(result.output)")
        #expect(result.errors.contains("1 of 3"))
    }

    @Test func whatIsNoRunIsRefused() throws {
        let tool = try Tool()
        defer { tool.remove() }
        for path in [tool.scratch, "/nowhere", Tool.fixtures + "/tiny-llama"] {
            let result = try tool.lora("verify", path)
            #expect(result.exitCode == 78)
            #expect(result.errors.hasPrefix("error: \(path): "))
        }
    }
}
