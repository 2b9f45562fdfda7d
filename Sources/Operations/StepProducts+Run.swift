import Slices
import Training

extension StepProducts {
    /// The products of each slice of a step of a run.
    ///
    /// - Parameters:
    ///   - step: From 1.
    ///   - settings: Settings of the run by their flags' names.
    /// - Throws: A ``Fault`` naming the flag or file.
    public static func ofStep(_ step: Int, settings: [String: String]) throws -> [StepProducts] {
        let run = try RunRehearsal(
            settings: settings, configurationFile: nil, startsMPI: false)
        return run.slices(step: step).map { run.products(of: $0) }
    }
}
