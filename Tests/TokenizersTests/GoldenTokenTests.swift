import Checkpoints
import Foundation
import Testing
import TestSupport
import Tokenizers

/// The cells of one file, as the golden tokens were made from.
protocol CellSource {
    /// What names the genes of the file's columns.
    var geneIDs: [String] { get }
    /// Calls `body` with the columns and values of every cell, in order.
    func forEachCell(_ body: (ArraySlice<Int32>, ArraySlice<Double>) -> Void) throws
}

/// A CSR matrix in four plain files: `NAME.ids` (one a line), `.indptr` (i64), `.indices` (i32), `.data` (f64).
struct DumpedCells: CellSource {
    let geneIDs: [String]
    private let indptr: [Int]
    private let indices: [Int32]
    private let values: [Double]

    init(_ path: String) throws {
        geneIDs = try String(contentsOfFile: path + ".ids", encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        func numbers<N: BitwiseCopyable>(_ suffix: String) throws -> [N] {
            try Data(contentsOf: URL(fileURLWithPath: path + suffix)).withUnsafeBytes { Array($0.bindMemory(to: N.self)) }
        }
        indptr = try numbers(".indptr")
        indices = try numbers(".indices")
        values = try numbers(".data")
    }

    func forEachCell(_ body: (ArraySlice<Int32>, ArraySlice<Double>) -> Void) {
        for row in 0..<indptr.count - 1 {
            body(indices[indptr[row]..<indptr[row + 1]], values[indptr[row]..<indptr[row + 1]])
        }
    }
}

/// CRC-32 bit by bit, polynomial 0xEDB88320, of tokens as little-endian 16-bit numbers.
private func checksum(_ tokens: [UInt32]) -> UInt32 {
    var crc = UInt32.max
    for token in tokens {
        for byte in [token & 0xFF, token >> 8] {
            crc ^= byte
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1) &* 0xEDB8_8320 }
        }
    }
    return ~crc
}

struct GoldenTokenTests {
    static let dump = ProcessInfo.processInfo.environment["EMBDB_DUMPED_CELLS"]

    @Test("all cells get the tokens that the original tokenizer gives them",
        .enabled(if: dump != nil && SharedData.has("parity/geneformer-tokens"),
            "skipped: ../shared/parity/geneformer-tokens or EMBDB_DUMPED_CELLS is not there"),
        arguments: ["heart_san_1000", "pbmc3k_raw"], ["v1", "v2"])
    func golden(name: String, version: String) throws {
        let source: any CellSource = try DumpedCells(try #require(Self.dump) + "/tok_\(name)")
        let golden = try SafetensorsFile(path: SharedData.path("parity/geneformer-tokens/\(name).safetensors"))
        let kind = golden.tensorNames.contains("\(version).presummed.crc32") ? "presummed" : "all"
        let checksums = try golden.integers("\(version).\(kind).crc32").map { UInt32(truncatingIfNeeded: $0) }
        let lengths = try golden.integers("\(version).\(kind).length")
        let totals = try golden.integers("n_counts")

        let clock = ContinuousClock()
        var start = clock.now
        let dictionaries = SharedData.path("data/geneformer/" + (version == "v1" ? "gc30M" : "gc104M"))
        let vocabulary = try Vocabulary(files: VocabularyFiles.find(in: [dictionaries]))
        let loading = clock.now - start
        let genes = try GeneColumns(ids: source.geneIDs, vocabulary: vocabulary)
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: version == "v1" ? 2048 : 4096)
        var cell = EncodedCell()
        var scratch = RankValueEncoder.Scratch()
        var row = 0
        var wrong: [Int] = []
        var time = Duration.zero
        try source.forEachCell { columns, values in
            start = clock.now
            encoder.encode(columns: columns.span, values: values.span, genes: genes, into: &cell, scratch: &scratch)
            time += clock.now - start
            if checksum(cell.tokens) != checksums[row] || cell.tokens.count != lengths[row]
                || cell.ranking.total != Double(totals[row])
            {
                wrong.append(row)
            }
            row += 1
        }
        #expect(row == checksums.count)
        #expect(wrong.isEmpty, "\(wrong.count) cells differ, the first is \(wrong.first ?? -1)")
        print("\(name) \(version): \(row) cells in \(time), vocabulary in \(loading), \(genes.summary)")
    }
}
