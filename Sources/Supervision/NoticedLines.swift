import Synchronization

/// What mpirun said of a job that is worth knowing.
final class NoticedLines: Sendable {
    private struct Kept {
        var blaming: [String] = []
        var slotsAreMissing = false
    }

    private let kept = Mutex(Kept())

    private static let blamingSigns = [
        "exited on signal", "Remote daemon:", "unable to reliably start",
    ]
    /// `orte-rmaps-base:alloc-error` and `no-available-resources` of Open MPI 4.1.
    private static let slotSigns = [
        "not enough slots available", "are allocated for this job are already filled",
    ]

    /// Lines that say where something died.
    var blaming: [String] { kept.withLock { $0.blaming } }

    /// Whether mpirun starts nothing because there are more ranks than slots.
    var slotsAreMissing: Bool { kept.withLock { $0.slotsAreMissing } }

    func clear() { kept.withLock { $0 = Kept() } }

    func take(_ line: String) {
        if Self.slotSigns.contains(where: line.contains) {
            kept.withLock { $0.slotsAreMissing = true }
        }
        guard Self.blamingSigns.contains(where: line.contains) else { return }
        kept.withLock { if $0.blaming.count < 16 { $0.blaming.append(line) } }
    }
}
