import Foundation
import Testing

@Suite(.timeLimit(.minutes(5))) struct VerifyTests {
    @Test func aGoodRunIsGoodAndInspectTellsOfIt() throws {
        let programs = try Programs()
        defer { programs.remove() }
        let run = try programs.trainedRun()
        let result = try programs.lora("verify", run)
        #expect(result.exitCode == 0)
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.hasPrefix("good ") })

        let ofRun = try programs.lora("inspect", run)
        #expect(ofRun.exitCode == 0)
        for text in ["finished at step 4", "step-00000004", "slice-size: 3"] {
            #expect(ofRun.output.contains(text), "\(text) in \(ofRun.output)")
        }
        let ofCheckpoint = try programs.lora("inspect", run + "/checkpoints/step-00000000/")
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
        let programs = try Programs()
        defer { programs.remove() }
        let run = try programs.trainedRun()
        let path = "\(run)/\(file)"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count / 2] ^= 0x40
        bytes[0] ^= 0x40
        try bytes.write(to: URL(fileURLWithPath: path))
        let result = try programs.lora("verify", run)
        #expect(result.exitCode == 78)
        let damaged = result.output.split(separator: "\n").filter { $0.hasPrefix("damaged ") }
        #expect(damaged.count == 1, "\(result.output)")
        #expect(result.errors.contains("1 of 3"))
    }

    @Test func whatIsNoRunIsRefused() throws {
        let programs = try Programs()
        defer { programs.remove() }
        for path in [programs.scratch, "/nowhere", Programs.fixtures + "/tiny-llama"] {
            let result = try programs.lora("verify", path)
            #expect(result.exitCode == 78)
            #expect(result.errors.hasPrefix("error: \(path): "))
        }
    }
}
