import Testing
import Tokenizers

struct PerturbationTests {
    private func encoder(v2: Bool, length: Int) throws -> RankValueEncoder {
        try RankValueEncoder(vocabulary: TestVocabulary.large(20, v2: v2), maximumLength: length)
    }

    private func apply(
        delete: [UInt32] = [], overexpress: [UInt32] = [], to tokens: [UInt32], v2: Bool = false, length: Int = 6
    ) throws -> Perturbation.Outcome {
        let encoder = try encoder(v2: v2, length: length)
        return try Perturbation(delete: delete, overexpress: overexpress, vocabulary: encoder.vocabulary)
            .applied(to: tokens, encoder: encoder)
    }

    @Test("deletion makes the input shorter; nothing moves in from beyond the cut")
    func deletes() throws {
        let outcome = try apply(delete: [6, 9, 19], to: [5, 6, 7, 8, 9, 10])
        #expect(outcome.tokens == [5, 7, 8, 10])
        #expect(outcome.found == [6, 9])
        #expect(outcome.dropped == 0)
        #expect(try apply(delete: [6], to: [2, 6, 7, 3], v2: true).tokens == [2, 7, 3])
        #expect(try apply(delete: [6], to: [2, 6, 3], v2: true).tokens == [2, 3])
    }

    @Test("overexpressed genes go to the front in the order of the list, V2 behind <cls>")
    func overexpresses() throws {
        #expect(try apply(overexpress: [8, 6], to: [5, 6, 7, 8]).tokens == [8, 6, 5, 7])
        let outcome = try apply(overexpress: [8, 19], to: [2, 5, 6, 8, 3], v2: true)
        #expect(outcome.tokens == [2, 8, 19, 5, 6, 3])
        #expect(outcome.found == [8])
        #expect(outcome.dropped == 0)
    }

    @Test("what is too long is cut at the end, <eos> kept")
    func cuts() throws {
        let v1 = try apply(overexpress: [18, 19], to: [5, 6, 7, 8, 9, 10])
        #expect(v1.tokens == [18, 19, 5, 6, 7, 8])
        #expect(v1.dropped == 2)
        let v2 = try apply(overexpress: [18, 19], to: [2, 5, 6, 7, 8, 3], v2: true)
        #expect(v2.tokens == [2, 18, 19, 5, 6, 3])
        #expect(v2.dropped == 2)
        // A gene that is there makes room for itself.
        #expect(try apply(overexpress: [18, 7], to: [2, 5, 6, 7, 8, 3], v2: true).dropped == 1)
    }

    @Test("deletion and overexpression together")
    func both() throws {
        #expect(try apply(delete: [5], overexpress: [9], to: [5, 6, 7]).tokens == [9, 6, 7])
        #expect(try apply(delete: [5], overexpress: [9, 9], to: []).tokens == [9])
        #expect(try apply(to: [2, 5, 3], v2: true).tokens == [2, 5, 3])
    }

    @Test("a contradiction and special tokens are refused")
    func refuses() throws {
        let vocabulary = try TestVocabulary.large(20, v2: true)
        for (delete, overexpress): ([UInt32], [UInt32]) in [([5], [5]), ([2], []), ([], [3]), ([99], [])] {
            #expect(throws: TokenizerError.self) {
                try Perturbation(delete: delete, overexpress: overexpress, vocabulary: vocabulary)
            }
        }
    }

    /// Geneformer's announcement, gene by gene: to the middle of the quartile so many away, or to an end.
    private static func moved(_ genes: [UInt32], _ gene: UInt32, _ quartiles: Int) -> [UInt32] {
        guard let place = genes.firstIndex(of: gene) else { return genes }
        let quarter = Double(genes.count) / 4
        let quartile = Int(Double(place) / quarter) + quartiles
        var rest = genes
        rest.remove(at: place)
        let target =
            quartile < 0 ? 0 : quartile > 3 ? rest.count : min(rest.count, Int((Double(quartile) + 0.5) * quarter))
        rest.insert(gene, at: target)
        return rest
    }

    @Test("inhibited and activated genes move by quartiles", arguments: [1, 4, 7, 8, 13], [-3, -2, -1, 1, 2, 3])
    func moves(count: Int, quartiles: Int) throws {
        for v2 in [false, true] {
            let encoder = try encoder(v2: v2, length: 16)
            let genes = (0..<count).map { UInt32(5 + $0) }
            for gene in genes + [20] {
                let perturbation = try Perturbation(
                    moving: [gene], byQuartiles: quartiles, vocabulary: encoder.vocabulary)
                let outcome = perturbation.applied(to: v2 ? [2] + genes + [3] : genes, encoder: encoder)
                let expected = Self.moved(genes, gene, quartiles)
                #expect(outcome.tokens == (v2 ? [2] + expected + [3] : expected), "gene \(gene)")
                #expect(outcome.found == (genes.contains(gene) ? [gene] : []) && outcome.dropped == 0)
            }
        }
    }

    @Test("several genes move from where they were; special tokens do not")
    func movesSeveral() throws {
        let encoder = try encoder(v2: false, length: 16)
        func moved(_ genes: [UInt32], _ quartiles: Int) throws -> [UInt32] {
            try Perturbation(moving: genes, byQuartiles: quartiles, vocabulary: encoder.vocabulary)
                .applied(to: [5, 6, 7, 8, 9, 10, 11, 12], encoder: encoder).tokens
        }
        // 5 and 6 of the first quartile both go to the middle of the second one, the place 3.
        #expect(try moved([6, 5], 1) == [7, 8, 9, 5, 6, 10, 11, 12])
        #expect(try moved([12, 11], 1) == [5, 6, 7, 8, 9, 10, 11, 12])
        #expect(try moved([12, 5], -3) == [5, 12, 6, 7, 8, 9, 10, 11])
        #expect(throws: TokenizerError.self) { try moved([0], 1) }
    }
}
