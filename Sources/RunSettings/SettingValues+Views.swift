import Kernels
public import MetricsOutlets
public import Optimization
public import ProgressDelivery
public import Slices

// What several settings say together.

extension SettingValues {
    public var adam: AdamW.Settings {
        AdamW.Settings(
            beta1: self.beta1, beta2: self.beta2, epsilon: self.epsilon,
            weightDecay: self.weightDecay)
    }

    public var sliceRule: SliceRule {
        SliceRule(sliceSize: self.sliceSize, sharesPrefixes: self.sharesPrefixes)
    }

    /// How long a run lasts.
    public enum Duration: Sendable, Equatable {
        case steps(Int)
        case epochs(Int)
    }

    public var duration: Duration { self.steps.map { .steps($0) } ?? .epochs(self.epochs) }

    public var outlets: OutletSettings {
        var outlets = OutletSettings()
        outlets.tensorBoard = self.tensorBoard
        outlets.prometheusFile = self.prometheusFile
        outlets.syslog = self.syslog
        outlets.jsonLines = self.jsonLines
        return outlets
    }

    public var collectorSecurity: CollectorSecurity {
        CollectorSecurity(
            tokenFile: self.collectorTokenFile, authorityFile: self.collectorAuthority,
            certificateFile: self.collectorCertificate, keyFile: self.collectorKey)
    }

    /// Refuses what says how to reach a collector where there is none.
    func requireCollector() throws(ConfigurationError) {
        guard self.collector == nil else { return }
        let ways: [KeyPath<SettingTable, Setting<String?>>] = [
            \.collectorTokenFile, \.collectorAuthority, \.collectorCertificate, \.collectorKey,
        ]
        for way in ways where self[dynamicMember: way] != nil {
            let name = SettingTable.shared[keyPath: way].about.name
            throw ConfigurationError(
                "--\(name)", "says how to reach a collector, and none is named",
                hint: "Give --collector HOST:PORT too")
        }
    }
}
