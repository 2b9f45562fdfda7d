import Collectives
import Kernels
import ModelFiles
import Slices
import Transformer

/// How many lanes the ranks get, and why.
struct LanePlan: Equatable {
    /// Lanes of each rank.
    let lanesOfRanks: [Int]
    private let workerRank: Int
    /// What a person should know, or `nil`.
    let remark: String?

    /// Lanes of this rank.
    var lanes: Int { lanesOfRanks[workerRank] }

    /// - Parameters:
    ///   - wanted: Lanes that each rank would have: `--threads`, or one a core.
    ///   - workerRank: This rank.
    ///   - slicesInStep: At most so many lanes of all ranks together work.
    ///   - sliceSize: Samples in a slice.
    ///   - batchSize: Samples in a step.
    init(wanted: [Int], workerRank: Int, slicesInStep: Int, sliceSize: Int, batchSize: Int) {
        self.workerRank = workerRank
        // Lanes that no slice can reach would only take memory. Where ranks have unequal numbers of
        // cores, what the small ones cannot have goes to the large ones.
        var most = 1
        let all = wanted.reduce(0, +)
        while wanted.reduce(0, { $0 + min($1, most) }) < min(all, slicesInStep) { most += 1 }
        lanesOfRanks = wanted.map { max(1, min($0, most)) }
        guard all > slicesInStep else {
            remark = nil
            return
        }
        let feeding = max(1, batchSize / all)
        let smaller = feeding < sliceSize ? "--slice-size \(feeding) or " : ""
        remark =
            "\(all) lanes, \(slicesInStep) \(slicesInStep == 1 ? "slice" : "slices") a step: "
            + "\(all - slicesInStep) idle; \(smaller)"
            + "--batch-size \(all * sliceSize) would feed all, and is a different run"
    }

    /// Lanes with memory for any slice of the run.
    ///
    /// - Parameters:
    ///   - files: The base model.
    ///   - layout: The adapter's; `nil` for the base model alone.
    ///   - bounds: No slice is larger.
    ///   - backend: What computes.
    ///   - training: Whether gradients will be asked for.
    ///   - recomputes: Whether lanes keep only each layer's input.
    /// - Returns: As many lanes as planned.
    /// - Throws: ``ModelFileError`` if weights are missing.
    func makePool(
        _ files: BaseModel, _ layout: LowRankLayout?, _ bounds: SliceBounds, _ backend: Backend,
        training: Bool, recomputes: Bool = false
    ) throws -> LanePool {
        let model = try LanguageModel(
            files: files, backend: backend, positions: bounds.longestSegment)
        return LanePool(
            lanes: (0..<lanes).map { _ in
                Lane(
                    model: model, layout: layout, bounds: bounds, training: training,
                    recomputes: recomputes)
            })
    }
}
