import Faults
import JSON
import Testing

/// Expects `body` to fail with a message of one line that has all of `parts` in it.
func expectFault<T>(
    _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> T
) {
    do {
        _ = try body()
        Issue.record("nothing was refused", sourceLocation: sourceLocation)
    } catch {
        let message = "\(error)"
        #expect(!message.contains("\n"), sourceLocation: sourceLocation)
        for part in parts {
            #expect(
                message.contains(part), "\(message) lacks \(part)", sourceLocation: sourceLocation)
        }
    }
}

/// A room's fault, as readers of files throw it.
struct ExampleFault: FileFault {
    let problem: String
    let location: String?
    let hint: String?

    init(_ problem: String, file: String, part: String?, hint: String?) {
        self.problem = problem
        location = part.map { "\(file), \($0)" } ?? file
        self.hint = hint
    }
}
