/// How often gradients were clipped in this job.
struct ClippingCount {
    private var clipped = 0
    private var updates = 0

    /// - Parameter factor: What the gradient was multiplied by.
    mutating func count(_ factor: Double) {
        updates += 1
        if factor < 1 { clipped += 1 }
    }

    /// `nil` before the first update.
    var share: Double? { updates == 0 ? nil : Double(clipped) / Double(updates) }
}

/// How long the rest of a run will take, going by its last steps with all that came between them.
struct RemainingTime {
    private var recent: [(step: Int, seconds: Double)] = []
    private static let stepsForSpeed = 20

    /// - Parameter seconds: Now, on any clock that does not jump.
    mutating func completed(step: Int, at seconds: Double) {
        if recent.count > Self.stepsForSpeed { recent.removeFirst() }
        recent.append((step, seconds))
    }

    /// `nil` before the second step.
    func seconds(totalSteps: Int) -> Double? {
        guard let first = recent.first, let last = recent.last, last.step > first.step else {
            return nil
        }
        let each = (last.seconds - first.seconds) / Double(last.step - first.step)
        return each * Double(max(0, totalSteps - last.step))
    }
}
