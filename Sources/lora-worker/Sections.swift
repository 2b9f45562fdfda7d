import ArgumentParser
import RunSettings
import SettingFlags

enum DataSection: SettingSelection { static let settings = SettingTable.all(in: .data) }
enum AdapterSection: SettingSelection { static let settings = SettingTable.all(in: .adapter) }
enum OptimizationSection: SettingSelection {
    static let settings = SettingTable.all(in: .optimization)
}
enum RunningSection: SettingSelection { static let settings = SettingTable.all(in: .running) }
enum ReportsSection: SettingSelection { static let settings = SettingTable.all(in: .reports) }

struct RunningOptions: ParsableArguments {
    @Option(help: ArgumentHelp("run.yaml with any of these settings.", valueName: "file"))
    var config: String?

    @OptionGroup var settings: SettingOptions<RunningSection>
}
