import Tokenizers

/// Vocabularies of a few genes.
enum TestVocabulary {
    static let genes: [(id: String, symbol: String, median: Double)] = [
        ("ENSG00000000001", "TP53", 2), ("ENSG00000000002", "GATA4", 4), ("ENSG00000000003", "C1orf112", 1),
        ("ENSG00000000004", "", 0.5), ("ENSG00000000005", "ENSA", 8),
    ]
    static let aliases = [
        (key: "p53", id: "ENSG00000000001"), (key: "ENSG00000099999", id: "ENSG00000000002"),
        (key: "nowhere", id: "ENSG00000088888"),
    ]

    static func make(v2: Bool = false) throws -> Vocabulary { try Vocabulary(genes: genes, v2: v2, aliases: aliases) }

    /// `count` genes named `ENSG…` from 1 on, all of median 1 but for what `median` says.
    static func large(_ count: Int, v2: Bool, median: (Int) -> Double = { _ in 1 }) throws -> Vocabulary {
        try Vocabulary(genes: (0..<count).map { (id(of: $0), "", median($0)) }, v2: v2)
    }

    static func id(of gene: Int) -> String {
        let digits = String(gene + 1)
        return "ENSG" + String(repeating: "0", count: 11 - digits.count) + digits
    }
}

extension RankValueEncoder {
    /// Encodes one cell with scratch memory of its own.
    func encode(_ columns: [Int32], _ values: [Double], genes: GeneColumns) -> EncodedCell {
        var cell = EncodedCell()
        var scratch = Scratch()
        encode(columns: columns.span, values: values.span, genes: genes, into: &cell, scratch: &scratch)
        return cell
    }
}
