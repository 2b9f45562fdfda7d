public import Testing

/// The vector level is one for the whole process, and suites run side by side: tests that change it,
/// and tests that compare bits of products, take turns.
public struct VectorLevelTurn: TestTrait, SuiteTrait, TestScoping {
    private static let turns = Turns()

    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        await Self.turns.begin()
        do {
            try await function()
        } catch {
            await Self.turns.end()
            throw error
        }
        await Self.turns.end()
    }
}

extension Trait where Self == VectorLevelTurn {
    /// One test at a time of those that bear it.
    public static var vectorLevelTurn: VectorLevelTurn { VectorLevelTurn() }
}

/// Who has the turn, and who waits for it, first come first served.
private actor Turns {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func begin() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func end() {
        guard !waiting.isEmpty else {
            isTaken = false
            return
        }
        waiting.removeFirst().resume()
    }
}
