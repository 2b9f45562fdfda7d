import Foundation

/// Looks again and again until there is an answer.
///
/// - Parameters:
///   - what: For the message, as "the first record".
///   - seconds: A deadline against hanging, far beyond what is expected.
///   - look: `nil` as long as there is none.
/// - Throws: ``WaitedInVain`` after the deadline, and what `look` throws.
public func waitFor<Value>(
    _ what: String, upTo seconds: Double = 120, _ look: () throws -> Value?
) throws -> Value {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
        if let value = try look() { return value }
        guard ContinuousClock.now < deadline else {
            throw WaitedInVain(description: "\(what): nothing within \(Int(seconds)) s")
        }
        usleep(2000)
    }
}

/// The same for something that becomes true.
public func waitUntil(
    _ what: String, upTo seconds: Double = 120, _ isTrue: () throws -> Bool
) throws {
    try waitFor(what, upTo: seconds) { try isTrue() ? () : nil }
}

/// What a test waited for did not come.
public struct WaitedInVain: Error, CustomStringConvertible {
    public let description: String
}
