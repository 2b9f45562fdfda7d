import JSON
import Operations
import Words

extension ScalingPlan {
    /// Both curves as tables.
    var table: String {
        let microseconds = (network.latencySeconds * 1e6).shown(decimals: 1)
        let gigabits = (network.bytesPerSecond * 8e-9).shown(decimals: 1)
        var facts = TextTable()
        facts.add([
            "measured",
            "\((calibration.operationsPerSecondOfLane * 1e-9).shown(decimals: 1)) GFLOP/s a lane, "
                + "\(calibration.slices) slices; update "
                + "\(calibration.updateSeconds.shown(decimals: 4)) s",
        ])
        facts.add([
            "modelled",
            "all-reduce (\(network.allReduce.rawValue)) of \(reducedBytes.shownBytes), broadcast "
                + "(tree) of \(broadcastBytes.shownBytes), \(microseconds) µs, \(gigabits) Gbit/s",
        ])
        facts.add([
            "a step", "\(batchSize) samples in \(slicesInStep) slices; \(lanes) lanes a rank",
        ])
        return [
            facts.alignedLeft.text, Self.rows("strong: the same batch", strong).text,
            Self.rows("weak: a batch for each rank", weak).text,
        ].joined(separator: "\n\n")
    }

    private static func rows(_ title: String, _ points: [Point]) -> TextTable {
        var table = TextTable()
        table.add([title, "compute", "reduce", "update", "broadcast", "step", "efficiency"])
        for point in points {
            table.add(
                ["\(point.ranks.grouped) ranks"]
                    + [
                        point.computeSeconds, point.reduceSeconds, point.updateSeconds,
                        point.broadcastSeconds, point.stepSeconds,
                    ].map { "\($0.shown(decimals: 4)) s" }
                    + ["\((100 * point.efficiency).shown(decimals: 1))%"])
        }
        return table
    }

    /// Both curves as a drawing.
    var chart: EfficiencyChart {
        func curve(_ name: String, _ color: String, _ points: [Point]) -> EfficiencyChart.Curve {
            EfficiencyChart.Curve(
                name: name, color: color,
                points: points.map { (ranks: $0.ranks, efficiency: $0.efficiency) })
        }
        let microseconds = (network.latencySeconds * 1e6).shown(decimals: 1)
        let gigabits = (network.bytesPerSecond * 8e-9).shown(decimals: 1)
        return EfficiencyChart(
            title: "Scaling efficiency, \(batchSize) samples a step",
            note: "Computing and update measured on one machine; all-reduce "
                + "(\(network.allReduce.rawValue)) and broadcast modelled: \(microseconds) µs, "
                + "\(gigabits) Gbit/s a link",
            curves: [
                curve("weak: a batch for each rank", "#c4560f", weak),
                curve("strong: the same batch", "#1f5fa8", strong),
            ])
    }

    /// The plan as one JSON object.
    var json: String {
        var object = JSONObject()
        object.set("batch_size", batchSize)
        object.set("slices_in_step", slicesInStep)
        object.set("lanes", lanes)
        object.set("reduced_bytes_per_step", reducedBytes)
        object.set("broadcast_bytes_per_step", broadcastBytes)
        object.set("latency_seconds", network.latencySeconds)
        object.set("bytes_per_second", network.bytesPerSecond)
        object.set("all_reduce", network.allReduce.rawValue)
        object.set("lane_operations_per_second", calibration.operationsPerSecondOfLane)
        object.set("strong_scaling", strong.map(Self.json))
        object.set("weak_scaling", weak.map(Self.json))
        return object.line
    }

    private static func json(_ point: Point) -> JSONObject {
        var object = JSONObject()
        object.set("ranks", point.ranks)
        object.set("compute_seconds", point.computeSeconds)
        object.set("reduce_seconds", point.reduceSeconds)
        object.set("update_seconds", point.updateSeconds)
        object.set("broadcast_seconds", point.broadcastSeconds)
        object.set("step_seconds", point.stepSeconds)
        object.set("efficiency", point.efficiency)
        return object
    }
}
