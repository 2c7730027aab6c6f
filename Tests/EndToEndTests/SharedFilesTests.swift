import Foundation
import TestSupport
import Testing

/// Every file of real cells that lies beside a developer's checkout is ingested, or refused for a reason that is true.
struct SharedFilesTests {
    struct RealInput: CustomTestStringConvertible {
        let path: String
        /// More words of the command.
        var options: [String] = []
        /// What the last line says where the file is refused; empty where it is ingested.
        var refusal: [String] = []
        var testDescription: String { ([path] + options).joined(separator: " ") }
        var isThere: Bool { SharedData.has(path) }

        static let all = [
            RealInput(path: "data/celltypist_sample/celltypist_sample_559.h5ad"),
            RealInput(path: "data/citeseq_eccite_pbmc/eccite_pbmc_500.h5ad"),
            RealInput(path: "data/citeseq_eccite_pbmc/10x_mtx"),
            RealInput(path: "data/gbm_panobinostat/gbm_panobinostat_5donors.h5ad"),
            RealInput(path: "data/heart_san_multiome/heart_san_1000.h5ad"),
            RealInput(path: "data/jurkat_crispr_ko_tcr/jurkat_tcr_crispr_ko.h5ad"),
            RealInput(path: "data/k562_crispra_norman/k562_crispra_norman_3375.h5ad"),
            RealInput(path: "data/kang_ifnb_pbmc/kang_ifnb_ctrl_stim_2000.h5ad"),
            RealInput(path: "data/kang_ifnb_pbmc/kang_ifnb_donor101_labelled.h5ad"),
            RealInput(path: "data/pbmc3k/pbmc3k_raw.h5ad"),
            RealInput(path: "data/pbmc_three_platforms/pbmc_three_platforms.h5ad"),
            RealInput(path: "data/scgpt/scimilarity_test.h5ad"),
            RealInput(path: "data/cardiac_differentiation/cardiac_day2.h5ad", options: ["--values", "normalized"]),
            RealInput(path: "data/cardiac_differentiation/cardiac_day5.h5ad", options: ["--values", "normalized"]),
            // Divided by size factors.
            RealInput(
                path: "data/cardiac_differentiation/cardiac_day2.h5ad", refusal: ["no whole number", "X/data", "row 0"]),
            RealInput(
                path: "data/cardiac_differentiation/cardiac_day5.h5ad", refusal: ["no whole number", "X/data", "row 0"]),
            RealInput(
                path: "data/scgpt/transcriptformer_mouse_val.h5ad",
                refusal: ["0 of 1,122 genes known", "ENSMUSG", "mouse"]),
            RealInput(
                path: "data/heart_san_multiome/heart_san_1000_transcriptformer_embeddings.h5ad",
                refusal: ["no genes", "embdb import", "X_transcriptformer"]),
        ]
    }

    /// Cells of each file.
    private static let sample = 6

    @Test(
        "ingested, or refused for a reason that is true",
        .enabled(if: SharedData.has("data/pbmc3k"), "skipped: ../shared/data is not there"),
        arguments: RealInput.all.filter(\.isThere))
    func ingest(input: RealInput) throws {
        let folder = try TemporaryFolder()
        let database = folder.file("real.embdb")
        let result = try CommandLineTool.embdb.run(
            [
                "ingest", database, SharedData.path(input.path), "--model", "default", "--sample", "\(Self.sample)",
                "--format", "json",
            ] + input.options)
        guard input.refusal.isEmpty else {
            #expect(result.exitCode == 1)
            #expect(result.stdout.isEmpty)
            for word in input.refusal { #expect(result.lastErrorLine.contains(word), "\(result.stderr)") }
            #expect(!FileManager.default.fileExists(atPath: database))
            return
        }
        try #require(result.exitCode == 0, "\(result.stderr)")
        #expect(try result.json()["cells_added"].int == Self.sample)
        #expect(try CommandLineTool.embdb.run(["verify", database]).exitCode == 0)
    }
}
