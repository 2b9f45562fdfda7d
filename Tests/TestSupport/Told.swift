import Foundation

/// Lines that were told, from any thread.
public final class Told: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: [String] = []

    public init() {}

    public var lines: [String] { lock.withLock { stored } }

    @Sendable public func add(_ line: String) { lock.withLock { stored.append(line) } }
}
