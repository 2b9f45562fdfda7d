// swift-tools-version: 6.1
import PackageDescription

// The rooms, bottom to top: a room may import only rooms listed above it (docs/architecture.md).
// Swift compiles for baseline x86-64; what needs wider vectors lives in CKernels and is
// dispatched at run time.

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A library room and the rooms below it that it imports.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], fixtures: Bool = false) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: fixtures ? ["Fixtures"] : [],
        swiftSettings: swiftSettings)
}

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let asyncHTTPClient = Target.Dependency.product(
    name: "AsyncHTTPClient", package: "async-http-client")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")

/// The commit that is built, for `--version`; a "+" says that files differ from it.
let commit = Context.gitInformation.map { git in
    git.currentCommit.prefix(12) + (git.hasUncommittedChanges ? "+" : "")
}

let package = Package(
    name: "lora-cluster",
    products: [
        .executable(name: "lora-worker", targets: ["lora-worker"]),
        .executable(name: "lora", targets: ["lora"]),
        .executable(name: "lora-collector", targets: ["lora-collector"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The C edge: each has exactly one Swift importer.
        .systemLibrary(
            name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(
            name: "CProtobufC", pkgConfig: "libprotobuf-c",
            providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(
            name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        // No pkgConfig: its only flag is a macro that SwiftPM warns of.
        .systemLibrary(name: "CUTF8Proc", providers: [.apt(["libutf8proc-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CProgressProtocol", dependencies: ["CProtobufC"]),
        .target(name: "CLinuxFiles"),
        .target(
            name: "CBuildStamp",
            cSettings: [.define("LORA_COMMIT", to: "\"\(commit ?? "unknown")\"")]),
        .target(
            name: "CKernels",
            // -O3 in debug builds too: the tests run whole models. No contraction: every SIMD
            // level must round alike.
            cSettings: [
                .unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi"])
            ]),

        // Layer 0: what every room may use.
        room("Faults"),

        // Layer 1
        room("Tensors", ["Faults"]),

        // Layer 2
        room("Kernels", ["CKernels", "COpenBLAS", "Faults", "Tensors"]),
        room("Collectives", ["COpenMPI", "Faults"]),
        room("ModelFiles", ["Faults", "Tensors"]),
        room("Slices", ["Faults", "Tensors"]),

        // Layer 3
        room("ChatTemplates", ["Faults", "ModelFiles"]),
        room("Tokenization", ["CPCRE2", "CUTF8Proc", "Faults", "ModelFiles", "Tensors"]),
        room("Transformer", ["Faults", "Kernels", "ModelFiles", "Slices", "Tensors"]),

        // Layer 4
        room(
            "Datasets",
            [
                "ChatTemplates", crypto, "CZlib", "CZstd", "Faults", "ModelFiles", "Slices",
                "Tensors", "Tokenization",
            ]),
        room(
            "Adapters",
            [crypto, "Faults", "Kernels", "ModelFiles", "Tensors", "Tokenization", "Transformer"]),
        room("Optimization", ["Kernels", "Tensors"]),
        room("Checkpoints", ["CLinuxFiles", crypto, "Faults"]),
        room(
            "ProgressReports",
            ["Checkpoints", "CProgressProtocol", "CProtobufC", "Faults"]),

        // Layer 5
        room(
            "ProgressDelivery",
            [crypto, "Faults", nioCore, nioPosix, nioSSL, "ProgressReports"]),
        room(
            "MetricsOutlets",
            [
                asyncHTTPClient, "Faults", nioCore, nioHTTP1, nioPosix, nioSSL, "ProgressDelivery",
                "ProgressReports",
            ]),
        room("RunStore", ["Faults", grdb, "ProgressReports"]),
        .target(
            name: "RunPage", resources: [.embedInCode("Page")], swiftSettings: swiftSettings),

        // Layer 6
        room(
            "Training",
            [
                "Adapters", "ChatTemplates", "Checkpoints", "Collectives", "Datasets", "Faults",
                "Kernels",
                "MetricsOutlets", "ModelFiles", "Optimization", "ProgressDelivery",
                "ProgressReports", "Slices",
                "Tensors",
                "Tokenization", "Transformer", crypto, yams,
            ]),
        room(
            "Generation",
            [
                "Adapters", "Faults", "Kernels", "ModelFiles", "Tensors", "Tokenization",
                "Transformer",
            ]),
        room(
            "CollectorService",
            [
                crypto, "Faults", hummingbird, hummingbirdCore, hummingbirdTLS, logging, nioCore,
                nioPosix,
                nioSSL,
                "MetricsOutlets", "ProgressDelivery", "ProgressReports", "RunPage", "RunStore",
            ]),

        // Layer 7
        room(
            "Operations",
            [
                "Adapters", "Collectives", "Faults", "Kernels", "ModelFiles", "Optimization",
                "Slices", "Tensors", "Training", "Transformer",
            ]),

        room("Supervision", ["Checkpoints", "Faults", "ProgressReports", "Training"]),
        room(
            "Diagnosis",
            [
                "Collectives", "Faults", "Kernels", "ProgressReports", "Supervision", "Training",
            ]),
        room("CommandOptions", [argumentParser, "CBuildStamp", "Faults", "Kernels"]),

        // The programs: parse, call, print.
        program("lora-worker", [argumentParser, "CommandOptions", "Faults", "Training"]),
        program(
            "lora",
            [
                "Adapters", argumentParser, "ChatTemplates", "Checkpoints", "Collectives",
                "CommandOptions", "Datasets", "Diagnosis", "Faults",
                "Generation", "Kernels", "ModelFiles", "Operations", "ProgressReports", "RunPage",
                "RunStore", "Supervision", "Tensors",
                "Tokenization", "Training",
                "Transformer",
            ]),
        program(
            "lora-collector",
            [
                argumentParser, "CollectorService", "CommandOptions", "Faults", "ProgressDelivery",
                "ProgressReports", "RunStore",
            ]),

        .target(
            name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport",
            swiftSettings: swiftSettings),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        tests("TensorsTests", ["Tensors"]),
        tests("KernelsTests", ["Kernels", "Tensors", "TestSupport"]),
        tests("CollectivesTests", ["Collectives", "Faults"]),
        tests("SlicesTests", ["Slices", "Tensors", "TestSupport"]),
        tests("OptimizationTests", ["Optimization", "Tensors"]),
        tests(
            "TokenizationTests", ["Faults", "ModelFiles", "Tokenization"], fixtures: true),
        tests(
            "DatasetsTests",
            [
                "ChatTemplates", "Datasets", "Faults", "ModelFiles", "Slices", "TestSupport",
                "Tokenization",
            ],
            fixtures: true),
        .executableTarget(
            name: "chat-renderer", dependencies: ["ChatTemplates", "Faults", "ModelFiles"],
            path: "Tests/chat-renderer", swiftSettings: swiftSettings),
        tests(
            "ChatTemplatesTests", ["chat-renderer", "ChatTemplates", "Faults", "ModelFiles"],
            fixtures: true),
        tests(
            "TransformerTests",
            [
                "Adapters", "AllocationCounter", "Kernels", "ModelFiles", "Slices", "Tensors",
                "TestSupport", "Transformer",
            ]),
        tests(
            "TrainingTests",
            [
                "Adapters", "CollectorService", "Faults", "Kernels", "lora", "lora-worker",
                "ModelFiles", "Optimization", "ProgressReports", "RunStore", "Slices", "Tensors",
                "TestSupport", "Training", "Transformer",
            ]),
        .executableTarget(
            name: "checkpoint-saver", dependencies: ["Checkpoints", "Faults"],
            path: "Tests/checkpoint-saver", swiftSettings: swiftSettings),
        // Readers of strangers' bytes; scripts/trials/fuzz builds it with libFuzzer.
        .executableTarget(
            name: "fuzz-targets",
            dependencies: [
                "Adapters", "ChatTemplates", "Checkpoints", crypto, "Datasets", "MetricsOutlets",
                "ModelFiles", "ProgressDelivery", "ProgressReports", "Supervision", "Tokenization",
                "Training",
            ],
            path: "Tests/fuzz-targets", swiftSettings: swiftSettings),
        tests("RunStoreTests", ["Faults", grdb, "ProgressReports", "RunStore", "TestSupport"]),
        tests("MetricsOutletsTests", ["MetricsOutlets", "ProgressReports", "TestSupport"]),
        tests(
            "UntrustedInputTests",
            [
                "fuzz-targets", "Checkpoints", "ProgressDelivery", "ProgressReports", "TestSupport",
            ]),
        tests(
            "CheckpointsTests", ["Checkpoints", "checkpoint-saver", crypto, "Faults"],
            fixtures: true),
        tests(
            "GenerationTests",
            [
                "Adapters", "Generation", "Kernels", "ModelFiles", "Slices", "Tensors",
                "TestSupport",
                "Tokenization", "Transformer",
            ]),
        tests(
            "LoraToolTests",
            [
                "Adapters", "lora", "lora-worker", "ModelFiles", "ProgressReports", "RunStore",
                "Tensors", "TestSupport", "Transformer",
            ]),
        tests("ModelFilesTests", ["Faults", "ModelFiles", "Tensors"], fixtures: true),
        tests(
            "OperationsTests",
            [
                "Faults", "Kernels", "lora", "lora-worker", "ModelFiles", "Operations", "Slices",
                "Tensors", "TestSupport", "Training", "Transformer",
            ]),
        tests(
            "SupervisionTests", ["Faults", "lora", "lora-worker", "Supervision", "TestSupport"]),
        tests("DiagnosisTests", ["Collectives", "Diagnosis", "Supervision"]),
        tests("ProgressReportsTests", ["Faults", "ProgressReports", "TestSupport"]),
        tests(
            "ProgressDeliveryTests",
            [
                "CollectorService", "Faults", "ProgressDelivery", "ProgressReports", "RunStore",
                "TestSupport",
            ]),
        tests(
            "CollectorServiceTests",
            [
                "CollectorService", "Faults", "lora-collector", "ProgressDelivery",
                "ProgressReports", "RunStore", "TestSupport",
            ]),
    ]
)
