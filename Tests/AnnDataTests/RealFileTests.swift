import AnnData
import TestSupport
import Testing

@Suite struct RealFileTests {
    /// Cells, genes, stored entries and the sum of all counts, as h5py reads them.
    static let files: [(path: String, layer: String, cells: Int, genes: Int, stored: Int, sum: Double)] = [
        ("cardiac_differentiation/cardiac_day2", "X", 590, 5000, 494_442, 1_470_911.992907405),
        ("cardiac_differentiation/cardiac_day5", "X", 500, 5000, 316_763, 718_308.690222308),
        ("celltypist_sample/celltypist_sample_559", "X", 559, 32786, 1_027_859, 3_619_954),
        ("citeseq_eccite_pbmc/eccite_pbmc_500", "X", 500, 19521, 663_563, 1_719_951),
        ("gbm_panobinostat/gbm_panobinostat_5donors", "X", 5000, 300, 866_327, 5_981_290),
        ("heart_san_multiome/heart_san_1000", "X", 1000, 32583, 2_166_074, 4_216_964),
        ("heart_san_multiome/heart_san_1000_transcriptformer_embeddings", "X", 1000, 0, 0, 0),
        ("jurkat_crispr_ko_tcr/jurkat_tcr_crispr_ko", "X", 7500, 2000, 135_077, 636_558),
        ("k562_crispra_norman/k562_crispra_norman_3375", "X", 3375, 500, 50_462, 510_299),
        ("kang_ifnb_pbmc/kang_ifnb_ctrl_stim_2000", "X", 2000, 9015, 1_129_806, 3_081_827),
        ("kang_ifnb_pbmc/kang_ifnb_donor101_labelled", "X", 881, 1267, 333_125, 1_311_414),
        ("pbmc3k/pbmc3k_raw", "X", 2700, 32738, 2_286_884, 6_390_631),
        ("pbmc_three_platforms/pbmc_three_platforms", "X", 2500, 8428, 1_881_249, 5_131_545),
        ("scgpt/scimilarity_test", "X", 1000, 1000, 90_431, 106_986.16946274042),
        ("scgpt/scimilarity_test", "layers/counts", 1000, 1000, 90_431, 295_271),
        ("scgpt/transcriptformer_mouse_val", "X", 1000, 1122, 103_165, 263_707),
    ]

    @Test(
        "real files open, every column is read, and their counts add up to what h5py says",
        .enabled(if: SharedData.has("data/pbmc3k/pbmc3k_raw.h5ad"), "skipped: ../shared/data is not there"),
        arguments: files)
    func realFile(
        path: String, layer: String, cells: Int, genes: Int, stored: Int, sum: Double
    ) throws {
        let file = try CellFile(path: SharedData.path("data/\(path).h5ad"))
        #expect(file.cellCount == cells)
        #expect(try file.genes(of: layer).count == genes)
        for frame in [file.obs, file.`var`] {
            #expect(Set(try frame.names(0..<frame.count)).count == frame.count)
            for name in frame.columnNames {
                let column = try frame.column(named: name)
                #expect(column.kind != .unsupported, "\(name): \(column.encoding)")
                _ = try column.read(rows: 0..<column.count)
            }
        }
        let isWhole = sum == sum.rounded()
        #expect(try file.holdsWholeNumbers(layer: layer) == isWhole)
        var reader = try file.countReader(layer: layer, rule: isWhole ? .counts : .normalized)
        var batch = CountBatch()
        var total = 0.0
        var entries = 0
        for first in stride(from: 0, to: cells, by: 256) {
            try reader.read(rows: first..<min(first + 256, cells), into: &batch)
            total += batch.values.reduce(0, +)
            entries += batch.values.count
        }
        #expect(abs(total - sum) <= 1e-9 * sum)
        #expect(entries == stored)
    }

    @Test(
        "the embeddings of a real obsm are read",
        .enabled(if: SharedData.has("data/heart_san_multiome"), "skipped: ../shared/data is not there"))
    func realEmbeddings() throws {
        let file = try CellFile(
            path: SharedData.path("data/heart_san_multiome/heart_san_1000_transcriptformer_embeddings.h5ad"))
        let matrix = try file.embedding("X_transcriptformer")
        #expect(matrix.rowCount == 1000 && matrix.dimension == 2048)
        var values: [Float] = []
        try matrix.read(rows: 0..<1000, into: &values)
        #expect(values.count == 1000 * 2048)
        #expect(values.allSatisfy { $0.isFinite })
    }
}
