// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A Swift target with the settings that every Swift target of the package shares.
func swift(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The tests of one target; `dependencies` are what they need beside it.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies,
        exclude: exclude, swiftSettings: swiftSettings)
}

/// Only for Tools/Fuzz/run: libFuzzer brings the `main` of this program, so an ordinary build must not see it.
let fuzzers: [Target] =
    Context.environment["EMBDB_FUZZ"] == nil
    ? []
    : [
        .executableTarget(
            name: "fuzz", dependencies: ["AnnData", "Checkpoints", "EmbDB", "LMDBStore", "Numerics", "Tokenizers"],
            path: "Tools/Fuzz", exclude: ["README.md", "Dictionaries", "Seeds", "run"],
            swiftSettings: swiftSettings)
    ]

let package = Package(
    name: "embdb",
    products: [
        .library(name: "EmbDB", targets: ["EmbDB"]),
        .executable(name: "embdb", targets: ["embdb"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // For `swift package generate-documentation`; no target uses it, so packages that depend on this one do not fetch it.
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        // Floor 0: C
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        // The next two come with libhdf5-dev.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CKernels"),
        .target(name: "CDefaultModel", exclude: ["config.json", "genes.tsv", "model.safetensors", "vocabulary.tsv"]),

        // Floor 1: numbers
        swift("Numerics", ["COpenBLAS", "CKernels"]),

        // Floor 2: files, graphs, storage; none knows another
        swift("AnnData", ["CDeflate", "CHDF5", "CZlib", "Numerics"]),
        swift("Checkpoints", ["CZlib", "Numerics"]),
        swift("HNSW", ["CKernels", "Numerics"]),
        swift("LMDBStore", ["CLMDB", "CZlib", "Numerics"]),

        // Floor 3: genes and cells
        swift("Tokenizers", ["Checkpoints", "Numerics"]),
        swift("CellTransformer", ["CKernels", "Checkpoints", "Numerics"]),

        // Floor 4: the database
        swift(
            "EmbDB",
            [
                "AnnData", "CCrypto", "CDefaultModel", "CKernels", "CZlib", "CellTransformer", "Checkpoints", "HNSW",
                "LMDBStore",
                "Numerics", "Tokenizers",
            ]),

        // Floor 5: the command line
        .executableTarget(
            name: "embdb",
            dependencies: ["EmbDB", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: swiftSettings),

        // For Tools/demo where the real cells cannot be fetched
        .executableTarget(
            name: "simulate-cells", dependencies: ["CHDF5", "Numerics"], path: "Tools/SimulateCells",
            swiftSettings: swiftSettings),

        // Tests
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
        tests("Numerics", ["CKernels"]),
        tests("AnnData", ["Numerics"], exclude: ["Fixtures"]),
        tests("Checkpoints"),
        tests("HNSW", ["Numerics"]),
        tests("LMDBStore", ["Numerics"]),
        tests("Tokenizers", ["Checkpoints", "AnnData"]),
        tests("CellTransformer", ["Checkpoints", "Numerics"]),
        tests(
            "EmbDB", ["AnnData", "CellTransformer", "Checkpoints", "HNSW", "LMDBStore", "Numerics"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "EndToEndTests", dependencies: ["embdb", "TestSupport"], exclude: ["Fixtures"],
            swiftSettings: swiftSettings),
    ] + fuzzers,
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c2x
)
