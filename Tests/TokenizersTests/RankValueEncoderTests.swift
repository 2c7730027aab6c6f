import Numerics
import Testing
import Tokenizers

struct RankValueEncoderTests {
    @Test("genes are ranked by count over total over median, zeros dropped")
    func ranks() throws {
        let vocabulary = try TestVocabulary.make()
        let genes = try GeneColumns(ids: TestVocabulary.genes.map(\.id) + ["UNKNOWN"], vocabulary: vocabulary)
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: 2048)
        // Over the medians 2 4 1 0.5 8: 5, 5.5, –, 4, 0.5.
        let cell = encoder.encode([0, 1, 2, 3, 4, 5], [10, 22, 0, 2, 4, 100], genes: genes)
        #expect(cell.tokens == [3, 2, 5, 6])
        #expect(cell.ranking.tokens == cell.tokens)
        #expect(cell.ranking.counts == [22, 10, 2, 4])
        #expect(cell.ranking.total == 138)
        #expect(!cell.isTruncated && !cell.isEmpty)
    }

    @Test("ties are broken by the order of the genes in the file")
    func ties() throws {
        let vocabulary = try TestVocabulary.large(100, v2: false)
        let order = (0..<100).map { $0 * 37 % 100 }
        let genes = try GeneColumns(ids: order.map(TestVocabulary.id), vocabulary: vocabulary)
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: 2048)
        let cell = encoder.encode(Array(0..<100), Array(repeating: 3, count: 100), genes: genes)
        #expect(cell.tokens == order.map { UInt32($0 + 2) })
    }

    @Test("columns of one gene are summed before the ranking and stand where the first one is")
    func sums() throws {
        let vocabulary = try TestVocabulary.large(3, v2: false)
        let ids = [0, 1, 2, 0].map(TestVocabulary.id)
        let genes = try GeneColumns(ids: ids, vocabulary: vocabulary)
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: 2048)
        let cell = encoder.encode([0, 1, 2, 3], [2, 4, 3, 3], genes: genes)
        #expect(cell.ranking.tokens == [2, 3, 4])
        #expect(cell.ranking.counts == [5, 4, 3])
        // The gene's only count is in its last column, its place in a tie is that of the first.
        #expect(encoder.encode([1, 3], [4, 4], genes: genes).tokens == [2, 3])
    }

    @Test("V1 is cut at the model's input, V2 keeps room for <cls> and <eos>", arguments: [false, true])
    func truncation(v2: Bool) throws {
        let vocabulary = try TestVocabulary.large(50, v2: v2)
        let genes = try GeneColumns(ids: (0..<50).map(TestVocabulary.id), vocabulary: vocabulary)
        let first = UInt32(v2 ? 4 : 2)
        for (length, isTruncated) in [(20, true), (49, true), (v2 ? 52 : 50, false), (60, false)] {
            let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: length)
            let cell = encoder.encode(Array(0..<50), (0..<50).map { Double(50 - $0) }, genes: genes)
            let kept = min(50, length - (v2 ? 2 : 0))
            let expected = (0..<UInt32(kept)).map { $0 + first }
            #expect(cell.tokens == (v2 ? [2] + expected + [3] : expected))
            #expect(cell.isTruncated == isTruncated)
            #expect(cell.ranking.tokens == (0..<50).map { $0 + first })
            // The stored ranking gives the same input again.
            var again: [UInt32] = []
            #expect(encoder.modelInput(of: cell.ranking.tokens, into: &again) == isTruncated)
            #expect(again == cell.tokens)
        }
    }

    @Test("a cell without a known gene is empty; a zero total does no harm")
    func empty() throws {
        let v2 = try TestVocabulary.make(v2: true)
        let genes = try GeneColumns(ids: ["UNKNOWN", "TP53"], vocabulary: v2)
        let encoder = try RankValueEncoder(vocabulary: v2, maximumLength: 4096)
        let unknown = encoder.encode([0], [7], genes: genes)
        #expect(unknown.isEmpty)
        #expect(unknown.tokens == [2, 3])
        #expect(unknown.ranking.total == 7)
        #expect(encoder.encode([], [], genes: genes).isEmpty)
        #expect(encoder.encode([0, 1], [0, 0], genes: genes).isEmpty)
    }

    @Test("an input without room for a gene is refused")
    func tooShort() throws {
        #expect(throws: TokenizerError.self) {
            try RankValueEncoder(vocabulary: TestVocabulary.make(v2: true), maximumLength: 2)
        }
        #expect(try RankValueEncoder(vocabulary: TestVocabulary.make(v2: true), maximumLength: 3).geneCapacity == 1)
    }

    @Test("random cells are ranked as a plain sort does, with memory used again")
    func oracle() throws {
        var random = SeededRandom(seed: 5)
        let count = 400
        // Few different medians and counts, so that ties are common.
        let medians = [0.5, 1, 1.5, 2, 3]
        let vocabulary = try TestVocabulary.large(count, v2: false) { medians[$0 % 5] }
        let ids = (0..<600).map { _ in
            Int.random(in: 0..<10, using: &random) == 0
                ? "UNKNOWN" : TestVocabulary.id(of: Int.random(in: 0..<count, using: &random))
        }
        let genes = try GeneColumns(ids: ids, vocabulary: vocabulary)
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: 100)
        var cell = EncodedCell()
        var scratch = RankValueEncoder.Scratch()
        for _ in 0..<200 {
            let share = random.uniform()
            let columns = (0..<600).filter { _ in random.uniform() < share }
            let values = columns.map { _ in Double(Int.random(in: 0...4, using: &random)) }
            let indices = columns.map { Int32($0) }
            encoder.encode(
                columns: indices.span, values: values.span, genes: genes, into: &cell, scratch: &scratch)

            let total = values.reduce(0, +)
            var sums: [UInt32: Double] = [:]
            for (column, value) in zip(columns, values) {
                if let token = genes.token(ofColumn: column), value > 0 { sums[token, default: 0] += value }
            }
            var place: [UInt32: Int] = [:]
            for column in 0..<600 {
                if let token = genes.token(ofColumn: column), place[token] == nil { place[token] = column }
            }
            let ranked = sums.map { (value: $1 / total * 10_000 / vocabulary.medians[Int($0)], token: $0) }
                .sorted { ($1.value, place[$0.token]!) < ($0.value, place[$1.token]!) }
            #expect(cell.ranking.tokens == ranked.map(\.token))
            #expect(cell.ranking.counts == ranked.map { sums[$0.token]! })
            #expect(cell.tokens == Array(cell.ranking.tokens.prefix(100)))
            #expect(cell.isTruncated == (ranked.count > 100))
        }
    }

    /// A sort by the highest bits of what the values span sees these as equal.
    @Test("values that differ in their last bits alone are in order beside one that is far away", arguments: [33, 300])
    func closeValues(count: Int) throws {
        let vocabulary = try TestVocabulary.large(count + 1, v2: false) { _ in 1 }
        let genes = try GeneColumns(ids: (0...count).map(TestVocabulary.id), vocabulary: vocabulary)
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: 1000)
        var cell = EncodedCell()
        var scratch = RankValueEncoder.Scratch()
        var random = SeededRandom(seed: 6)
        let offsets = Array(0..<count).shuffled(using: &random)
        let columns = (0...count).map { Int32($0) }
        let values = [1] + offsets.map { 1e12 + Double($0) }
        encoder.encode(columns: columns.span, values: values.span, genes: genes, into: &cell, scratch: &scratch)
        #expect(cell.ranking.counts == values.sorted(by: >))
        let ranked = columns.sorted { values[Int($0)] > values[Int($1)] }
        #expect(cell.ranking.tokens == ranked.map { genes.token(ofColumn: Int($0)) })
    }
}
