import EmbDB
import Foundation
import LMDBStore
import Testing

@Suite("damage in the stored model")
struct DamagedModelTests {
    /// What is put in the place of a part of the stored model's texts; nil takes the part away.
    static let damage: [(part: String, change: @Sendable (String) -> String?)] = [
        ("vocabulary.tsv", { _ in nil }), ("vocabulary.tsv", { _ in "" }),
        ("vocabulary.tsv", { String($0.prefix($0.count / 2)) }),
        ("vocabulary.tsv", { $0.replacing("ensembl_id", with: "ensembl") }),
        ("vocabulary.tsv", { $0.replacing("\n5\t", with: "\nx\t") }),
        ("vocabulary.tsv", { $0.replacing("\n5\t", with: "\n4\t") }),
        ("vocabulary.tsv", { $0.replacing("\n5\t", with: "\n99\t") }),
        // The last gene, as if it had never been there.
        ("vocabulary.tsv", { $0.split(separator: "\n").dropLast().joined(separator: "\n") + "\n" }),
        ("mapping.tsv", { _ in nil }), ("mapping.tsv", { _ in "" }), ("mapping.tsv", { $0 + "one column\n" }),
        ("record", { _ in nil }), ("record", { String($0.dropLast()) }), ("record", { _ in "[]" }),
        ("record", { $0.replacing(#""hiddenSize":16"#, with: #""hiddenSize":18"#) }),
        ("record", { $0.replacing(#""hiddenSize":16"#, with: #""hiddenSize":-16"#) }),
        ("record", { $0.replacing(#""headCount":2"#, with: #""headCount":0"#) }),
        ("record", { $0.replacing(#""layerCount":2"#, with: #""layerCount":3"#) }),
        ("record", { $0.replacing(#""layerCount":2"#, with: #""layerCount":4611686018427387904"#) }),
        ("record", { $0.replacing(#""vocabularySize":62"#, with: #""vocabularySize":10"#) }),
        ("record", { $0.replacing(#""maximumLength":24"#, with: #""maximumLength":-1"#) }),
        ("record", { $0.replacing(#""activation":"relu""#, with: #""activation":"rely""#) }),
        ("record", { $0.replacing(#""vocabularyCount":62"#, with: #""vocabularyCount":61"#) }),
        ("record", { $0.replacing(#""vocabularyCount":62"#, with: #""vocabularyCount":-1"#) }),
        ("record", { $0.replacing(#""geneCount":60"#, with: #""geneCount":59"#) }),
        ("record", { $0.replacing(#""isV2":false"#, with: #""isV2":true"#) }),
        ("record", { $0.replacing("[62,16]", with: "[16,62]") }),
        ("record", { $0.replacing("[62,16]", with: "[-62,-16]") }),
        ("record", { $0.replacing("[62,16]", with: "[4611686018427387904,16]") }),
    ]

    @Test("damage in the texts of the stored model is said to be damage, whatever is asked; nothing crashes")
    func texts() async throws {
        await #expect(processExitsWith: .success) {
            let space = try Workspace()
            let database = try space.ingested([Fixture.small])
            let sha256 = try #require(try database.info().summary.model?.sha256)
            let table = Table<String, [UInt8]>("model")
            let environment = try Environment.open(database.path, mode: .readWrite)
            var edited = NearestOptions()
            edited.edit = GeneEdit(delete: ["GENE1"])
            let options = edited
            let asked: [(String, () throws -> Void)] = [
                ("nearest", { _ = try database.nearest(.cells(["cell-1"]), options: options) }),
                (
                    "knockouts",
                    {
                        _ = try database.knockouts(
                            options: KnockoutOptions(from: KnockoutTests.sick, to: KnockoutTests.healthy))
                    }
                ),
                (
                    "perturb",
                    { _ = try database.perturb(options: PerturbOptions(cells: KnockoutTests.sick, genes: nil)) }
                ),
                ("ingest", { _ = try database.ingest([Fixture.broken], options: IngestOptions()) }),
                ("group", { _ = try database.groupGenes(by: "state") }),
            ]
            for (number, (part, change)) in DamagedModelTests.damage.enumerated() {
                let key = "\(sha256)/\(part)"
                let whole = try #require(try environment.read { try table.value(for: key, in: $0) })
                let changed = change(String(decoding: whole, as: UTF8.self)).map { Array($0.utf8) }
                #expect(changed != whole, "damage \(number) of \(part)")
                try environment.write { transaction in
                    if let changed {
                        try table.put(changed, for: key, in: &transaction)
                    } else {
                        try table.remove(key, in: &transaction)
                    }
                }
                for (verb, ask) in asked {
                    let error = #expect(throws: EmbDBError.self, "damage \(number) of \(part): \(verb)") { try ask() }
                    #expect(error?.code == .corrupted, "damage \(number) of \(part): \(verb): \(error?.message ?? "")")
                    #expect(
                        error?.message.hasPrefix("the stored model is damaged (") == true, "\(error?.message ?? "")")
                }
                #expect(try Database.verify(database.path).fault?.contains("damaged") == true, "\(number) of \(part)")
                try environment.write { try table.put(whole, for: key, in: &$0) }
            }
            for (_, ask) in asked { try ask() }
            #expect(try Database.verify(database.path).fault == nil)
        }
    }
}
