import Foundation
import Operations
import TestSupport
import Testing

@Suite struct NetworkModelTests {
    private func model(_ kind: NetworkModel.AllReduce) -> NetworkModel {
        NetworkModel(latencySeconds: 1, bytesPerSecond: 10, allReduce: kind)
    }

    /// α = 1 s, β = 10 bytes a second, n = 40 bytes, so n/β = 4 s.
    @Test func formulasByHand() {
        // p = 8: three rounds, 7/8 of the bytes twice.
        #expect(model(.halving).allReduceSeconds(bytes: 40, ranks: 8) == 6 + 7)
        #expect(model(.ring).allReduceSeconds(bytes: 40, ranks: 8) == 14 + 7)
        #expect(model(.tree).allReduceSeconds(bytes: 40, ranks: 8) == 2 * 3 * 5)
        #expect(model(.tree).broadcastSeconds(bytes: 40, ranks: 8) == 3 * 5)
        // p = 5 takes three rounds too.
        #expect(model(.tree).broadcastSeconds(bytes: 40, ranks: 5) == 3 * 5)
        for kind in NetworkModel.AllReduce.allCases {
            #expect(model(kind).allReduceSeconds(bytes: 40, ranks: 1) == 0)
            #expect(model(kind).broadcastSeconds(bytes: 40, ranks: 1) == 0)
        }
    }

    @Test func chartIsWellFormedAndNamesItsAxes() throws {
        let curve = EfficiencyChart.Curve(
            name: "a < b & c", color: "#123456", points: [(8, 1), (16, 0.5), (64, 0)])
        let svg = EfficiencyChart(title: "<t>", note: "n", curves: [curve]).svg
        let parser = XMLDocumentCheck(svg)
        #expect(parser.isWellFormed, "\(svg)")
        for word in ["a &lt; b &amp; c", "ranks (logarithmic)", "efficiency, %", ">64<"] {
            #expect(svg.contains(word), "\(word)")
        }
        // One rank count alone is a point, not a division by zero.
        let point = EfficiencyChart.Curve(name: "p", color: "red", points: [(8, 1)])
        #expect(!EfficiencyChart(title: "t", note: "", curves: [point]).svg.contains("nan"))
    }

    /// The curve of a real run: with half of the batch's slices on each of two ranks, efficiency
    /// falls only by what the slices' sizes and the network cost.
    @Test(.timeLimit(.minutes(10))) func curveOfARun() throws {
        try Programs.withScratchFolder { scratch in
            let model = Programs.fixture("tiny-llama")
            let outcome = try Programs.run(
                Programs.folder + "/lora",
                [
                    "plan", "--model", model, "--data", model + "/train.jsonl", "--ranks", "1..8",
                    "--calibrate", "0.1", "--json", "--svg", scratch + "/curve.svg", "--threads",
                    "1", "--bandwidth-gbps", "1000000000", "--latency-us", "0",
                ])
            try #require(outcome.exitCode == 0, "\(outcome.errors)")
            let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
            let object = try #require(json as? [String: Any])
            let strong = try #require(object["strong_scaling"] as? [[String: Any]])
            #expect(strong.compactMap { $0["ranks"] as? Int } == [1, 2, 4, 8])
            let compute = strong.compactMap { $0["compute_seconds"] as? Double }
            // Four slices a step: four ranks have one each, eight are no faster.
            #expect(compute[1] < compute[0] && compute[2] < compute[1] && compute[3] == compute[2])
            let svg = try String(contentsOfFile: scratch + "/curve.svg", encoding: .utf8)
            #expect(XMLDocumentCheck(svg).isWellFormed)
        }
    }

    @Test(arguments: [
        ["--ranks", "8.."], ["--ranks", "8..4"], ["--ranks", "0..4"], ["--ranks", "1..99999999"],
        ["--ranks", "1..4", "--allreduce", "star"], ["--ranks", "1..4", "--bandwidth-gbps", "0"],
        ["--ranks", "1..4", "--latency-us", "-1"],
    ])
    func wrongValuesAreNamed(_ flags: [String]) throws {
        let model = Programs.fixture("tiny-llama")
        let outcome = try Programs.run(
            Programs.folder + "/lora",
            ["plan", "--model", model, "--data", model + "/train.jsonl"] + flags)
        #expect(outcome.exitCode == 78)
        #expect(outcome.errors.contains(flags[flags.count - 2]), "\(outcome.errors)")
    }
}

/// Whether every element of a text is closed by one of its name: all that our drawings need.
private struct XMLDocumentCheck {
    let isWellFormed: Bool

    init(_ text: String) {
        var open: [Substring] = []
        var (fits, rest) = (true, text[...])
        while let start = rest.firstIndex(of: "<"), let end = rest[start...].firstIndex(of: ">") {
            let tag = rest[rest.index(after: start)..<end]
            if tag.hasPrefix("/") {
                fits = fits && open.popLast() == tag.dropFirst()
            } else if !tag.hasSuffix("/") {
                open.append(tag.prefix { $0 != " " })
            }
            rest = rest[end...].dropFirst()
        }
        isWellFormed = fits && open.isEmpty
    }
}
