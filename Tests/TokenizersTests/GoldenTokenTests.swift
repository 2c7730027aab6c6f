import AnnData
import Checkpoints
import Testing
import TestSupport
import Tokenizers

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

/// A file of cells and its golden tokens.
struct GoldenFile: CustomTestStringConvertible {
    let name: String
    let path: String
    var testDescription: String { name }

    static let all = [
        GoldenFile(name: "heart_san_1000", path: "data/heart_san_multiome/heart_san_1000.h5ad"),
        GoldenFile(name: "pbmc3k_raw", path: "data/pbmc3k/pbmc3k_raw.h5ad"),
    ]
    static let isThere =
        all.allSatisfy { SharedData.has($0.path) && SharedData.has("parity/geneformer-tokens/\($0.name).safetensors") }
        && SharedData.has("data/geneformer")
}

struct GoldenTokenTests {
    @Test(
        "all cells get the tokens that the original tokenizer gives them",
        .enabled(if: GoldenFile.isThere, "skipped: ../shared/parity/geneformer-tokens is not there"),
        arguments: GoldenFile.all, ["v1", "v2"])
    func golden(file: GoldenFile, version: String) throws {
        let golden = try SafetensorsFile(path: SharedData.path("parity/geneformer-tokens/\(file.name).safetensors"))
        let kind = golden.tensorNames.contains("\(version).presummed.crc32") ? "presummed" : "all"
        let checksums = try golden.integers("\(version).\(kind).crc32").map { UInt32(truncatingIfNeeded: $0) }
        let lengths = try golden.integers("\(version).\(kind).length")
        let totals = try golden.integers("n_counts")

        let dictionaries = SharedData.path("data/geneformer/" + (version == "v1" ? "gc30M" : "gc104M"))
        let vocabulary = try Vocabulary(files: VocabularyFiles.find(in: [dictionaries]))
        let cells = try CellFile(path: SharedData.path(file.path))
        let ids = try cells.var.column(named: "ensembl_id").readTexts(rows: 0..<cells.var.count).map { $0 ?? "" }
        let genes = try GeneColumns(ids: ids, vocabulary: vocabulary)
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: version == "v1" ? 2048 : 4096)

        var reader = try cells.countReader(layer: "X", rule: .counts)
        var batch = CountBatch()
        var cell = EncodedCell()
        var scratch = RankValueEncoder.Scratch()
        var wrong: [Int] = []
        #expect(cells.cellCount == checksums.count)
        for start in stride(from: 0, to: cells.cellCount, by: 500) {
            try reader.read(rows: start..<min(start + 500, cells.cellCount), into: &batch)
            for row in 0..<batch.rowCount {
                let range = batch.entries(row)
                let columns = batch.indices.span.extracting(range)
                let values = batch.values.span.extracting(range)
                encoder.encode(columns: columns, values: values, genes: genes, into: &cell, scratch: &scratch)
                let number = start + row
                if checksum(cell.tokens) != checksums[number] || cell.tokens.count != lengths[number]
                    || cell.ranking.total != Double(totals[number])
                {
                    wrong.append(number)
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count) cells differ, the first is \(wrong.first ?? -1)")
    }
}
