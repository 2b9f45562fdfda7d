import Foundation
import Kernels
import RunSettings

/// What a checkpoint says of its run beside the numbers: enough to refuse a wrong continuation.
struct RunDocument: Codable, Sendable, Equatable {
    struct Entry: Codable, Sendable, Equatable {
        var name: String
        var value: String
    }

    /// 2: an epoch's order comes from a permutation without a table; version 1 sorted random keys.
    static let currentFormatVersion = 2

    var formatVersion = Self.currentFormatVersion
    /// The resolved settings, in the order of ``SettingTable``.
    var settings: [Entry]
    /// SHA-256 by name of the setting whose file it is.
    var fingerprints: [Entry]
    var kernels: KernelIdentity
    /// The last step whose update is in the saved state.
    var step: Int
    /// Counts the jobs of the run: of two checkpoints that one of a later job is newer.
    var epoch: Int? = nil
    /// The epoch of that job in its reports (docs/progress-protocol.md).
    var reportEpoch: UInt64? = nil
    var totalSteps: Int
    /// The exact sum's exponents, in the order of the adapter's tensors.
    var exponents: [Int64]
    var worldSize: Int
    /// Settings that were allowed to differ from the run's start, as "name: old -> new".
    var changes: [String]
    /// Training loss of the last step and last held-out loss; `nil` before there was one.
    var loss: Double?
    var evaluationLoss: Double?
    /// Seconds of training up to this checkpoint, over all jobs of the run.
    var seconds: Double

    func encoded() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// - Throws: ``ConfigurationError`` if the text is of a newer or unknown kind.
    static func decode(_ text: String, path: String) throws -> RunDocument {
        do {
            let document = try JSONDecoder().decode(RunDocument.self, from: Data(text.utf8))
            guard document.formatVersion <= currentFormatVersion else {
                throw ConfigurationError(
                    path, "was written by a newer version of lora-worker",
                    hint: "Resume with that version")
            }
            return document
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(path, "its document cannot be understood (\(error))")
        }
    }

    /// What differs in a run that wants to continue from here.
    struct Difference: Equatable {
        /// As `--allow-change` names it.
        let name: String
        let text: String
    }

    /// - Parameter readsDataAnew: Whether an older lora-worker, whose documents say nothing of the
    ///   samples, may have made others of such data.
    func differences(
        settings new: [Entry], fingerprints newFingerprints: [Entry],
        kernels newKernels: KernelIdentity, readsDataAnew: Bool = false
    ) -> [Difference] {
        var found: [Difference] = []
        for setting in SettingTable.all where setting.scope == .run && setting.name != "kernels" {
            // A setting that is younger than the run had its default in it.
            let old = Self.value(setting.name, in: settings) ?? setting.defaultValueText
            let new = Self.value(setting.name, in: new) ?? setting.defaultValueText
            if old != new {
                found.append(
                    Difference(
                        name: setting.name,
                        text: "\(setting.name): \(old ?? "(none)") -> \(new ?? "(none)")"))
            }
        }
        if formatVersion < 2, Self.value("order", in: settings) == "shuffled",
            !found.contains(where: { $0.name == "order" })
        {
            found.append(
                Difference(
                    name: "order",
                    text: "order: shuffled as by an older lora-worker -> shuffled in another order")
            )
        }
        if let samples = changedSamples(newFingerprints, readsDataAnew),
            !found.contains(where: { Self.decidesSamples($0.name) })
        {
            found.append(samples)
        }
        for entry in fingerprints + newFingerprints
        where entry.name != SettingTable.samplesName
            && !found.contains(where: { $0.name == entry.name })
        {
            let old = Self.value(entry.name, in: fingerprints)
            let new = Self.value(entry.name, in: newFingerprints)
            if old != new {
                found.append(
                    Difference(
                        name: entry.name,
                        text: "\(entry.name): content \(Self.short(old)) -> \(Self.short(new))"))
            }
        }
        var kernels = kernels
        // The setting of that name says so already.
        kernels.compute = newKernels.compute
        if kernels != newKernels {
            found.append(
                Difference(name: "kernels", text: "kernels: \(kernels) -> \(newKernels)"))
        }
        return found
    }

    /// The same files may become other samples with another version of this software.
    private func changedSamples(
        _ newFingerprints: [Entry], _ readsDataAnew: Bool
    ) -> Difference? {
        guard let new = Self.value(SettingTable.samplesName, in: newFingerprints) else {
            return nil
        }
        let isData = { (entry: Entry) in Self.decidesSamples(entry.name) }
        guard fingerprints.filter(isData) == newFingerprints.filter(isData) else { return nil }
        guard let old = Self.value(SettingTable.samplesName, in: fingerprints) else {
            guard readsDataAnew else { return nil }
            return Difference(
                name: SettingTable.samplesName,
                text: "samples: an older lora-worker learned something else from such data, so the "
                    + "run would go on with other samples")
        }
        guard old != new else { return nil }
        return Difference(
            name: SettingTable.samplesName,
            text: "samples: \(Self.short(old)) -> \(Self.short(new)), made of the same data by "
                + "another version of lora-worker")
    }

    private static func decidesSamples(_ name: String) -> Bool {
        SettingTable.named(name)?.decidesSamples ?? false
    }

    static func value(_ name: String, in entries: [Entry]) -> String? {
        entries.first { $0.name == name }?.value
    }

    private static func short(_ digest: String?) -> String {
        digest.map { String($0.prefix(12)) } ?? "(none)"
    }
}

/// The last word on a run, `OUT/finished.json`: only where it stands is a run finished.
struct FinalRecord: Codable, Sendable, Equatable {
    var step: Int
    var loss: Double?
    var evaluationLoss: Double?
    var adapterSHA256: String
}
