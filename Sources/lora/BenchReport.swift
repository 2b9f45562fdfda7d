import JSON
import Operations
import Words

/// What `lora bench` found, for people and for programs.
struct BenchReport {
    let benchmark: Benchmark
    let scaling: RankScaling?
    let kernels: KernelTable?

    var tables: String {
        var sections = [speed.text, split.text]
        if let scaling {
            sections.append(Self.table("strong scaling", scaling.strong).text)
            if scaling.weak.count > 1 {
                sections.append(Self.table("weak scaling", scaling.weak).text)
            }
        }
        if let kernels { sections.append(Self.table(kernels).text) }
        return (sections + benchmark.remarks.map { "note: \($0)" }).joined(separator: "\n\n")
    }

    private var speed: TextTable {
        var rows = TextTable()
        let seconds = benchmark.stepSeconds
        func rate(_ tokens: Double) -> String { (tokens / seconds).shown(decimals: 0) }
        rows.add(["lanes", "\(benchmark.lanes)"])
        rows.add(["a step", "\(seconds.shown(decimals: 3)) s"])
        rows.add([
            "tokens a second",
            "\(rate(benchmark.tokens)), computed \(rate(benchmark.computedTokens)), targets "
                + rate(benchmark.targetTokens),
        ])
        let (now, peak) = (benchmark.operationsPerSecond, benchmark.peakOperationsPerSecond)
        rows.add([
            "GFLOP/s",
            "\((now * 1e-9).shown(decimals: 1)), \(Self.percent(now / peak)) of the SGEMM peak "
                + (peak * 1e-9).shown(decimals: 1),
        ])
        if let floor = benchmark.floorSeconds, let share = benchmark.shareOfFloor {
            rows.add([
                "products alone",
                "\(floor.shown(decimals: 3)) s: the step is at \(Self.percent(share)) of this floor",
            ])
        }
        rows.add(["kernels", benchmark.kernels])
        return rows.alignedLeft
    }

    private var split: TextTable {
        var rows = TextTable()
        rows.add(["of a step", "seconds", "share"])
        for (name, seconds) in parts {
            rows.add([
                name, seconds.shown(decimals: 4), Self.percent(seconds / benchmark.stepSeconds),
            ])
        }
        return rows
    }

    private var parts: [(String, Double)] {
        let split = benchmark.split
        return [
            ("products of frozen weights", split.frozenProducts),
            ("low-rank products", split.lowRankProducts), ("attention", split.attention),
            ("loss", split.loss), ("packing", split.packing),
            ("reduce and update", split.reduceAndUpdate),
            ("norms, activations, rest", split.rest),
        ]
    }

    private static func table(_ title: String, _ rows: [RankScaling.Row]) -> TextTable {
        var table = TextTable()
        table.add([
            title, "batch", "tokens/s", "computed/s", "targets/s", "compute", "reduce", "update",
            "PSS of all", "largest RSS", "efficiency",
        ])
        for row in rows {
            table.add([
                row.ranks == 1 ? "1 rank" : "\(row.ranks) ranks", "\(row.batchSize)",
                row.tokensPerSecond.shown(decimals: 0),
                row.computedTokensPerSecond.shown(decimals: 0),
                row.targetTokensPerSecond.shown(decimals: 0),
                "\(row.computeSeconds.shown(decimals: 3)) s",
                "\(row.reduceSeconds.shown(decimals: 3)) s",
                "\(row.updateSeconds.shown(decimals: 3)) s", row.proportionalBytes.shownBytes,
                row.largestResidentBytes.shownBytes, percent(row.efficiency),
            ])
        }
        return table
    }

    private static func table(_ kernels: KernelTable) -> TextTable {
        var table = TextTable()
        table.add([
            "kernel", "ns an element, in cache", "in memory", "GB/s", "at least ns",
            "share of bound",
        ])
        for row in kernels.rows {
            table.add([
                row.name, row.cacheNanoseconds.shown(decimals: 3),
                row.memoryNanoseconds.shown(decimals: 3),
                (row.bytesPerSecond * 1e-9).shown(decimals: 1),
                row.boundNanoseconds.shown(decimals: 3), percent(row.share),
            ])
        }
        return table
    }

    private static func percent(_ share: Double) -> String {
        "\((100 * share).shown(decimals: 1))%"
    }

    var json: String {
        var object = JSONObject()
        let seconds = benchmark.stepSeconds
        object.set("lanes", benchmark.lanes)
        object.set("steps", benchmark.steps)
        object.set("step_seconds", seconds)
        object.set("tokens_per_second", benchmark.tokens / seconds)
        object.set("computed_tokens_per_second", benchmark.computedTokens / seconds)
        object.set("target_tokens_per_second", benchmark.targetTokens / seconds)
        object.set("operations_per_second", benchmark.operationsPerSecond)
        object.set("peak_operations_per_second", benchmark.peakOperationsPerSecond)
        if let floor = benchmark.floorSeconds, let share = benchmark.shareOfFloor {
            object.set("floor_seconds", floor)
            object.set("floor_tokens_per_second", benchmark.tokens / floor)
            object.set("share_of_floor", share)
        }
        var split = JSONObject()
        for (name, seconds) in zip(
            [
                "frozen_products", "low_rank_products", "attention", "loss", "packing",
                "reduce_and_update", "rest",
            ], parts.map(\.1))
        {
            split.set(name, seconds)
        }
        object.set("split_seconds", split)
        if let scaling {
            object.set("strong_scaling", scaling.strong.map(Self.json))
            object.set("weak_scaling", scaling.weak.map(Self.json))
        }
        object.set("kernels", benchmark.kernels)
        if let kernels { object.set("vector_kernels", kernels.rows.map(Self.json)) }
        return object.line
    }

    private static func json(_ row: KernelTable.Row) -> JSONObject {
        var object = JSONObject()
        object.set("name", row.name)
        object.set("cache_nanoseconds", row.cacheNanoseconds)
        object.set("memory_nanoseconds", row.memoryNanoseconds)
        object.set("bytes_per_second", row.bytesPerSecond)
        object.set("bound_nanoseconds", row.boundNanoseconds)
        return object
    }

    private static func json(_ row: RankScaling.Row) -> JSONObject {
        var object = JSONObject()
        object.set("ranks", row.ranks)
        object.set("batch_size", row.batchSize)
        object.set("tokens_per_second", row.tokensPerSecond)
        object.set("computed_tokens_per_second", row.computedTokensPerSecond)
        object.set("target_tokens_per_second", row.targetTokensPerSecond)
        object.set("compute_seconds", row.computeSeconds)
        object.set("reduce_seconds", row.reduceSeconds)
        object.set("update_seconds", row.updateSeconds)
        object.set("proportional_bytes", row.proportionalBytes)
        object.set("largest_resident_bytes", row.largestResidentBytes)
        object.set("efficiency", row.efficiency)
        return object
    }
}
