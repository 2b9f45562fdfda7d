import Faults
import Foundation
import RunSettings
import TestSupport
import Testing

/// What a run.yaml says is what is set, or it is refused with its line.
@Suite struct SettingsFileTests {
    private func settings(_ yaml: Data) throws -> [String: String] {
        try Programs.withScratchFolder { scratch in
            let path = scratch + "/run.yaml"
            try yaml.write(to: URL(fileURLWithPath: path))
            return try SettingsFile(path: path).values
        }
    }

    private func settings(_ yaml: String) throws -> [String: String] {
        try settings(Data(yaml.utf8))
    }

    private func refusal(_ yaml: String) -> String {
        let error = #expect(throws: ConfigurationError.self) { try settings(yaml) }
        return error?.description.components(separatedBy: "/run.yaml").last ?? ""
    }

    @Test(arguments: [
        ("lr: 1e-4 # peak\n", "lr", "1e-4"), ("lr: .5\n", "lr", ".5"),
        ("lr:\t1e-4\n", "lr", "1e-4"),
        ("\u{FEFF}lr: 1\n", "lr", "1"), ("lr: 1\r\nseed: \"7\"\r\n", "seed", "7"),
        ("---\nlr: 1\n...\n", "lr", "1"), ("tensorboard: no\n", "tensorboard", "no"),
        ("share-prefixes: on\n", "share-prefixes", "on"), ("out: \"no\"\n", "out", "no"),
        ("out: 'null'\n", "out", "null"), ("out: 010\n", "out", "010"),
        ("lr: &rate 2\nalpha: *rate\n", "alpha", "2"), ("out: >-\n  a\n", "out", "a"),
        ("out: |\n  a\n", "out", "a"),
        ("data: [a.jsonl=2, b.jsonl]\n", "data", "a.jsonl=2,b.jsonl"),
        ("{\"lr\": 1e-3}", "lr", "1e-3"), ("lr: !!float 3\n", "lr", "3"),
        ("resume: false\n", "resume", "false"),
    ])
    func whatIsWrittenIsMeant(yaml: String, name: String, value: String) throws {
        #expect(try settings(yaml)[name] == value)
    }

    @Test(arguments: ["lr: null\n", "lr: ~\n", "lr:\n", "# nothing\n", "", "---\n"])
    func nothingIsNothing(yaml: String) throws {
        #expect(try settings(yaml).isEmpty)
    }

    @Test(arguments: [
        ("rank: 8\nlr: 1\nlr: 2\n", ":2: lr is given twice"),
        ("batch-size: 1\nbatch_size: 2\n", ":2: batch_size is given twice"),
        ("lr: 1\n\tseed: 2\n", ":2: is not YAML"), ("lr: 1\n---\nlr: 2\n", ":2: a second document"),
        ("lr: 1\nout: no\n", ":2: out is no, which YAML takes for true or false"),
        ("targets: [q_proj, on]\n", ":1: targets is on, which"), ("out: True\n", ":1: out is True"),
        ("lr: [1, 2]\n", ":1: lr is a list; it must be one value"),
        ("out: [a]\n", ":1: out is a list"), ("data: [a, ~]\n", ":1: data must be a list of texts"),
        ("data: [{path: a, weight: 2}]\n", ":1: data must be a list of texts"),
        ("out: !env HOME\n", ":1: out has the tag !env"),
        ("out: |\n  a\n  b\n", ":1: out runs over"),
        ("seed: 1\n? [a]\n: b\n", ":2: a key is not a name"), ("- a\n", ": must be a mapping"),
        ("lr: *rate\n", ":1: is not YAML"), ("<<: {lr: 1}\n", ":1: '<<.lr' is not a setting"),
    ])
    func trapsAreRefusedWithTheirLine(yaml: String, start: String) {
        let text = refusal(yaml)
        #expect(text.hasPrefix(start), "\(text)")
    }

    /// Each alias doubles what the file says; only the first names are told, and none of them is endless.
    @Test func namesThatAliasesMultiplyAreToldInPart() {
        var yaml = "a0: &a0 {\((0..<9).map { "k\($0): 1" }.joined(separator: ", "))}\n"
        for level in 1...8 {
            yaml += "a\(level): &a\(level) {x: *a\(level - 1), y: *a\(level - 1)}\n"
        }
        let text = refusal(yaml)
        #expect(text.components(separatedBy: "is not a setting").count == 13, "\(text)")
        #expect(text.contains("; and more. "), "\(text)")
        let deep = refusal(
            (1...60).map { "{b\($0): " }.joined() + "1" + String(repeating: "}", count: 60))
        #expect(deep.contains("b1.b2.b3.b4.b5.b6.b7.b8' is not") && !deep.contains("b9"), "\(deep)")
    }

    /// Mappings, lists and keys that stand for more than fits any memory.
    @Test(arguments: ["{x: 1}", "[x]"])
    func moreAliasesThanSettingsAreRefused(leaf: String) {
        for isKey in [false, true] {
            var yaml = "a0: &a0 \(leaf)\n"
            for level in 1...9 {
                let many = Array(repeating: "*a\(level - 1)", count: 9)
                let list = leaf.hasPrefix("[") ? many : many.enumerated().map { "k\($0): \($1)" }
                let body = list.joined(separator: ", ")
                yaml +=
                    "a\(level): &a\(level) " + (leaf.hasPrefix("[") ? "[\(body)]\n" : "{\(body)}\n")
            }
            yaml += isKey ? "? *a9\n: 1\n" : "data: *a9\n"
            #expect(refusal(yaml).contains("has more than 16 aliases"))
        }
    }

    @Test func fileThatIsNoListOfSettingsIsRefusedByItsSize() {
        #expect(
            refusal(String(repeating: "# a\n", count: 1 << 18) + "#\n").contains("1048576 bytes"))
    }

    /// A star inside of words, or alone, is no alias.
    @Test func starsAreNoAliases() throws {
        let stars = String(repeating: "# a*b ** *** 2*3 data/*x\n", count: 40)
        #expect(try settings(stars + "lr: &rate 2\nalpha: *rate\n")["alpha"] == "2")
    }

    @Test func otherEncodingsAreNamed() throws {
        let wide = try #require("lr: 1\n".data(using: .utf16))
        let error = #expect(throws: ConfigurationError.self) { try settings(wide) }
        #expect(error?.problem.hasPrefix("is text in UTF-16") ?? false)
    }

    /// Whatever text a setting has, run.yaml gives it back.
    @Test(arguments: ["no", "ON", "null", "~", "true", "010", "1e3"])
    func textsSurvive(text: String) throws {
        #expect(try settings(SettingValues.yaml([(name: "out", value: text)])) == ["out": text])
    }

    // MARK: Names of others

    @Test(arguments: [
        ("learning_rate: 1e-4\n", ":1: 'learning_rate' is not a setting; it is lr here."),
        ("seed: 1\nLearning-Rate: 1\n", ":2: 'Learning-Rate' is not a setting; it is lr here."),
        ("lerning-rate: 1\n", "is not a setting; if it is learning_rate, it is lr here"),
        ("batchsize: 4\n", "'batchsize' is not a setting; write batch-size"),
        ("Rank: 4\n", "'Rank' is not a setting; write rank"),
        ("stpes: 4\n", "'stpes' is not a setting; write steps"),
        ("lora_dropout: 0.1\n", "there is nothing like it here: no dropout is applied"),
        (
            "optimizer:\n  _component_: x\n  lr: 3\n",
            "line 3: 'optimizer.lr' is not a setting (settings "
                + "are not nested); it is lr here"
        ),
        (
            "lora:\n  r: 8\n",
            ":2: 'lora.r' is not a setting (settings are not nested); it is rank here"
        ),
        (
            "training:\n  seed: 8\n",
            "'training.seed' is not a setting (settings are not nested); "
                + "write seed"
        ),
        ("datasets:\n  - path: a\n    type: b\n", "'datasets' is not a setting; it is data here: "),
        ("zzzzzzzz: 1\n", ":1: 'zzzzzzzz' is not a setting. lora-worker --help"),
    ])
    func otherTrainersNamesAreAnswered(yaml: String, part: String) {
        let text = refusal(yaml)
        #expect(text.contains(part), "\(text)")
    }

    @Test func allStrangersAreNamedAtOnce() {
        let text = refusal("r: 8\nlr: 1\nlora_alpha: 16\nnum_train_epochs: 3\n")
        #expect(
            text.hasPrefix(
                ":1: 'r' is not a setting; it is rank here; line 3: 'lora_alpha' is not a setting; it "
                    + "is alpha here; line 4: 'num_train_epochs' is not a setting; it is epochs here: "
                    + "whole ones."), "\(text)")
    }

    @Test(arguments: [
        ("--learning-rate", "it is --lr here"), ("--learning_rate", "it is --lr here"),
        ("--lora-r", "it is --rank here"), ("-r", "it is --rank here"),
        ("--batch_size", "write --batch-size"), ("--adam_beta1", "it is --beta1 here"),
        ("--lora-dropout", "there is nothing like it here: no dropout is applied"),
    ])
    func flagsOfOthersAreAnswered(flag: String, start: String) {
        #expect(SettingAdvice.advice(forFlag: flag)?.hasPrefix(start) ?? false)
    }

    @Test func ownAndUnknownFlagsAreNot() {
        #expect(SettingAdvice.advice(forFlag: "--frobnicate") == nil)
    }

    /// The table names only settings that there are, and none of ours as somebody else's.
    @Test func theTableIsAboutOurSettings() {
        let own = Set(SettingTable.all.map(\.name))
        for foreign in ForeignSetting.all {
            for name in foreign.settings { #expect(own.contains(name), "\(foreign.name): \(name)") }
            let plain = foreign.name.replacingOccurrences(of: "_", with: "-")
            #expect(!own.contains(plain) || plain == "chat-template", "\(foreign.name)")
            #expect(!foreign.settings.isEmpty || !foreign.note.isEmpty, "\(foreign.name)")
            #expect(foreign.trainers.rawValue != 0, "\(foreign.name)")
        }
    }

    // MARK: Values

    private func refusal(_ name: String, _ value: String) -> String {
        let error = #expect(throws: ConfigurationError.self) {
            try SettingValues([name: value])
        }
        return error?.description ?? ""
    }

    @Test(arguments: [
        ("epochs", "2.5", "whole number, at least 1. Give steps for a part"),
        ("steps", "-1", "Leave the setting out where -1"), ("steps", "010", "octal"),
        ("seed", "007", "octal"), ("steps", "1_000", "without separators"),
        ("steps", "0x10", "in decimal"), ("lr", "0x1p-4", "in decimal"),
        ("lr", "1_0.5", "separators"),
        ("lr", "0,1", "separators"), ("lr", "inf", "must be a number"),
        ("lr", ".nan", "must be a number"),
        ("lr", "01.5", "octal"), ("warmup-steps", "0.03", "give the number of steps"),
        ("save", "1", "is not a setting"),
        ("schedule", "cosine_with_restarts", "There are no restarts"),
        ("schedule", "constant_with_warmup", "Write constant"),
        ("compute", "bf16", "Write bfloat16"),
        ("resume", "true", "Write must"), ("out", "~/run", "neither ~ nor $"),
        ("data", "a.jsonl,~/b.jsonl", "neither ~ nor $"), ("out", "$HOME/run", "neither ~ nor $"),
        ("allow-change", "learning_rate", "it is lr here"),
    ])
    func valuesOfOthersAreRefusedWithAdvice(name: String, value: String, part: String) {
        let text = refusal(name, value)
        #expect(text.contains(name) && text.contains(part), "\(text)")
    }

    /// Refused with what to write: nothing that is no whole number is taken for one.
    @Test(arguments: [("3.0", "Write 3"), ("1e1", "Write 10"), ("5.", "Write 5")])
    func wholeNumbersHaveNoPoint(text: String, advice: String) {
        #expect(refusal("epochs", text).hasSuffix("at least 1. \(advice)"))
    }

    @Test func aValueOfTheFileIsToldWithItsLine() throws {
        try Programs.withScratchFolder { scratch in
            let path = scratch + "/run.yaml"
            try Data("model: m\ndata: d\nout: \(scratch)/o\nepochs: 3.0\n".utf8)
                .write(to: URL(fileURLWithPath: path))
            for (settings, place) in [([:], "\(path):4: epochs"), (["epochs": "0"], "--epochs")] {
                let error = #expect(throws: ConfigurationError.self) {
                    try SettingValues(flags: settings, file: path)
                }
                #expect(error?.location == place)
            }
        }
    }
}
