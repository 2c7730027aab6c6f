import Testing
import Tokenizers

private func reason(_ ids: [String], symbols: [String]? = nil) throws -> String {
    let error = try #require(throws: TokenizerError.self) {
        _ = try GeneColumns(ids: ids, symbols: symbols, vocabulary: TestVocabulary.make())
    }
    #expect(error.code == .noKnownGene)
    return error.description
}

struct GeneColumnsTests {
    @Test("ids, versions, aliases and symbols are mapped and counted")
    func maps() throws {
        let columns = try GeneColumns(
            ids: [
                "ENSG00000000002.7", "UNKNOWN", "GATA4", "ensg00000000001", "", " P53 ", "ENSG00000099999", "ENSA",
                "C1ORF112", "",
            ], symbols: ["", "TP53", "", "", "c1orf112", "", "", "", "", ""], vocabulary: TestVocabulary.make())
        #expect(columns.slotOfColumn == [0, -1, 0, 1, 2, 1, 0, 3, 2, -1])
        #expect(columns.tokens == [3, 2, 4, 6])
        #expect(columns.token(ofColumn: 1) == nil)
        #expect(columns.token(ofColumn: 6) == 3)
        let summary = columns.summary
        #expect(summary.total == 10)
        #expect(summary.matched == 8)
        #expect(summary.unmatched == 2)
        #expect(summary.genes == 4)
        #expect(summary.summed == 4)
        #expect(summary.unnamed == 1)
        #expect(summary.matchedByID == 3)
        #expect(summary.matchedBySymbol == 5)
        #expect(summary.unmatchedExamples == ["UNKNOWN"])
    }

    @Test("a symbol that means two genes is not matched")
    func ambiguous() throws {
        let vocabulary = try Vocabulary(genes: [("ENSG1", "X", 1), ("ENSG2", "X", 1), ("ENSG3", "Y", 1)], v2: false)
        let columns = try GeneColumns(ids: ["X", "Y"], vocabulary: vocabulary)
        #expect(columns.slotOfColumn == [-1, 0])
    }

    @Test("the mapping goes before symbols, as in Geneformer")
    func mappingFirst() throws {
        let vocabulary = try Vocabulary(
            genes: [("ENSG1", "ABC", 1), ("ENSG2", "DEF", 1)], v2: false, aliases: [(key: "ABC", id: "ENSG2")])
        #expect(try GeneColumns(ids: ["abc"], vocabulary: vocabulary).tokens == [3])
        // A person who names a gene means its symbol.
        #expect(try vocabulary.token(forGene: "abc") == 2)
    }

    @Test("when nothing matches, the likely reason is said")
    func diagnosis() throws {
        let mouse = (0..<20_000).map { "ENSMUSG" + String(10_000_000_000 + $0) }
        #expect(try reason(mouse).hasPrefix("0 of 20,000 genes known: ENSMUSG… is mouse, the model is human"))
        #expect(try reason(["ENSDARG00000000001.2"]).contains("zebrafish"))
        #expect(try reason(["ENSG00000077777"]).contains("the model has none of these genes"))
        #expect(try reason(["ENST00000077777.1", "ENST00000077778"]).contains("transcripts"))
        #expect(try reason(["ENSMUSP00000077777"]).contains("proteins"))
        #expect(try reason(["Actb", "Gapdh", "Gm1992"]).contains("Actb, Gapdh, Gm1992 look like mouse or rat symbols"))
        #expect(try reason(["7157", "2626"]).contains("Entrez"))
        #expect(try reason(["0", "1", "2"]).contains("row numbers"))
        #expect(try reason(["AAA", "BBB"]).contains("AAA, BBB are neither"))
        #expect(try reason(["", ""]).contains("empty"))
        #expect(try reason([]).contains("no genes"))
    }
}
