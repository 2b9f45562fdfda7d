import ArgumentParser
import RunSettings
import SettingFlags

enum PlanSettings: SettingSelection { static let settings = SettingTable.all(of: .plan) }
enum EvalSettings: SettingSelection { static let settings = SettingTable.all(of: .eval) }
enum DataSettings: SettingSelection { static let settings = SettingTable.all(of: .data) }
enum DoctorSettings: SettingSelection { static let settings = SettingTable.all(of: .doctor) }

/// Settings of a run that decide what it takes, by the names that lora-worker has for them.
struct RunSettingOptions: ParsableArguments {
    @OptionGroup var flags: SettingOptions<PlanSettings>

    @Option(
        help: ArgumentHelp("run.yaml with any settings of lora-worker.", valueName: "file"))
    var config: String?

    /// The settings that were given.
    var settings: [String: String] { flags.texts }
}
