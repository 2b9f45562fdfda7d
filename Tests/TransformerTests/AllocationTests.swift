import Adapters
import AllocationCounter
import Kernels
import Slices
import Testing
import Transformer

/// A lane allocates when it is made and never again.
@Suite struct AllocationTests {
    /// Counts what this thread allocates while `body` runs.
    private func allocations(_ body: () -> Void) -> Int {
        let before = allocation_count()
        body()
        return allocation_count() - before
    }

    /// The counter sees arrays and objects, in this program and in the libraries.
    @Test func theCounterCounts() {
        var array: [Int] = []
        #expect(allocations { array.reserveCapacity(100) } == 1)
        #expect(allocations { array.append(1) } == 0)
        #expect(allocations { array = array.map { $0 + 1 } } > 0)
    }

    #if !DEBUG  // Unoptimised code keeps the contexts of closures in allocated boxes.
        /// Packing, forward, backward and the exact sum of every slice after the first allocate
        /// nothing, however much larger than the first the others are. What does not count is
        /// OpenBLAS' own: some of its kernels for small products take scratch for a moment.
        @Test(arguments: [true, false], [true, false])
        func noneAfterTheFirstSlice(sharesPrefixes: Bool, recomputes: Bool) throws {
            let fixture = try ParityFixture("tiny-llama")
            #expect(allocation_leave_out("openblas"))
            let samples = try fixture.samples("train")
            let rule = SliceRule(sliceSize: 4, sharesPrefixes: sharesPrefixes)
            let parts = rule.cut(Array(0..<samples.count)[...], of: samples)
                .sorted { $0.computedTokens < $1.computedTokens }
            let parameters = try fixture.adapter("adapter-all")
            var bounds = SliceBounds()
            bounds.include(samples, sliceSize: rule.sliceSize)
            let lane = Lane(
                model: fixture.model, layout: parameters.layout, bounds: bounds, training: true,
                recomputes: recomputes)
            let sum = ExactSum(tensors: parameters.layout.parameterSet.ranges)
            var counts: [Int] = []
            counts.reserveCapacity(2 * parts.count)
            for part in parts {
                counts.append(
                    allocations {
                        lane.slice.pack(samples, part, rule)
                        _ = lane.lossesAndGradient(parameters)
                        lane.addGradient(to: sum, slicesInStep: parts.count)
                    })
                counts.append(allocations { _ = lane.losses(parameters) })
            }
            #expect(counts.count > 4)
            #expect(counts.dropFirst(2).allSatisfy { $0 == 0 }, "\(counts)")
        }
    #endif
}
