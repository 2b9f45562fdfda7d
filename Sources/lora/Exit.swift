import ArgumentParser
import Faults
import Foundation

/// Runs the body of a command; what goes wrong leaves as one `error:` line and its exit code.
///
/// Every subcommand's `run()` is one call of this, so that all end alike.
func exitingOnFault(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let fault as any Fault {
        FileHandle.standardError.write(Data("error: \(fault.description)\n".utf8))
        throw ArgumentParser.ExitCode(fault.exitCode.rawValue)
    }
}
