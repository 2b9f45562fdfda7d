import Checkpoints
import Foundation
import TestSupport

/// Saves what the tests expect back for `step`.
@discardableResult
func save(step: Int, variant: UInt8 = 0, in store: CheckpointStore) throws -> SavedCheckpoint {
    try store.save(
        step: step, runID: "run", parent: nil, document: "{\"step\": \(step)}",
        files: [
            CheckpointFile(name: "a.bin", bytes: contents(step: step, variant: variant)),
            CheckpointFile(name: "b.bin", bytes: [UInt8](repeating: 7, count: 300)),
        ])
}

func contents(step: Int, variant: UInt8 = 0) -> [UInt8] {
    (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ step) ^ variant }
}

/// A path beside this source file.
func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/" + name
}
