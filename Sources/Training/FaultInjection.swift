import Foundation
import Tensors

/// A fault that tests ask for: `LORA_INJECT_FAULT=KIND:RANK:STEP`, as `nan-once:1:7`.
///
/// `nan` and `huge` spoil a number of the gradient of that rank's first slice in that step, each time
/// that it is computed; with `-once` only the first time, as a passing fault of a machine would.
/// `flip` turns over a bit of that rank's replica of the adapter after that step.
struct FaultInjection: Sendable {
    private enum Kind: String { case nan, huge, flip }

    private let kind: Kind
    private let isPassing: Bool
    private let workerRank: Int
    private let step: Int

    static let variable = "LORA_INJECT_FAULT"

    /// - Returns: `nil` if none is asked for.
    /// - Throws: ``ConfigurationError`` if the variable cannot be understood.
    init?(environment: [String: String] = ProcessInfo.processInfo.environment)
        throws(ConfigurationError)
    {
        guard let text = environment[Self.variable], !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let name = parts.first.map { $0.hasSuffix("-once") ? $0.dropLast(5) : $0 } ?? ""
        guard parts.count == 3, let kind = Kind(rawValue: String(name)),
            let workerRank = Int(parts[1]), let step = Int(parts[2])
        else {
            throw ConfigurationError(
                Self.variable,
                "is '\(text)'; it must be nan, nan-once, huge, huge-once or flip, a "
                    + "rank and a step, as nan-once:1:7", hint: "Unset it: it is meant for tests")
        }
        self.kind = kind
        isPassing = parts[0].hasSuffix("-once")
        (self.workerRank, self.step) = (workerRank, step)
    }

    /// - Parameter attempt: How often the step was computed before.
    func spoil(_ gradient: FloatBuffer, workerRank: Int, step: Int, attempt: Int) {
        guard kind != .flip, workerRank == self.workerRank, step == self.step,
            attempt == 0 || !isPassing,
            let element = (0..<gradient.count).first(where: { gradient.pointer[$0] != 0 })
        else { return }
        gradient.pointer[element] = kind == .nan ? .nan : 0x1p60
    }

    /// Damages the replica of a rank, as a fault of its memory would.
    func spoil(replica: FloatBuffer, workerRank: Int, step: Int) {
        guard kind == .flip, workerRank == self.workerRank, step == self.step else { return }
        replica.pointer[0] = Float(bitPattern: replica.pointer[0].bitPattern ^ 1)
    }
}
