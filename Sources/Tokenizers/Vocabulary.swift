/// The genes that a model knows: token ↔ Ensembl id, symbol, non-zero median, and the special tokens. Immutable.
///
/// A token is the row of the model's embedding table. Numbers below ``count`` that have no entry are rows that no
/// gene maps to.
package final class Vocabulary: Sendable {
    /// The names of the special tokens; an entry of such a name is no gene and has no median.
    package static let specialNames = ["<pad>", "<mask>", "<cls>", "<eos>"]

    /// One row of a vocabulary.
    package struct Entry: Sendable, Hashable {
        /// The row of the embedding table.
        package var token: UInt32
        /// Ensembl id, or the name of a special token.
        package var id: String
        /// Gene symbol; empty if there is none.
        package var symbol: String
        /// Median over many cells of the counts per 10,000 where they are not zero; > 0; nil for a special token.
        package var median: Double?

        /// An entry.
        package init(token: UInt32, id: String, symbol: String = "", median: Double? = nil) {
            self.token = token
            self.id = id
            self.symbol = symbol
            self.median = median
        }
    }

    /// Tokens a vocabulary may have: far more than genomes have genes; keeps a hostile file from asking for memory.
    package static let largestCount = 1 << 20

    /// All entries, by token.
    package let entries: [Entry]
    /// Highest token + 1.
    package let count: Int
    /// Number of genes.
    package let geneCount: Int
    /// By token: the gene's non-zero median; NaN for special tokens and numbers without an entry.
    package let medians: [Double]
    /// The special tokens, where the vocabulary has them.
    package let pad, mask, cls, eos: UInt32?
    /// Other names of genes: upper-case key → token. Without the ids themselves.
    package let aliases: [String: UInt32]

    let tokenOfID: [String: UInt32]
    /// Upper-case id → token.
    let tokenOfUpperID: [String: UInt32]
    /// Tokens of the genes with that symbol, as it is written.
    let tokensOfSymbol: [String: [UInt32]]
    /// Tokens of the genes with that symbol in upper case.
    let tokensOfUpperSymbol: [String: [UInt32]]
    private let indexOfToken: [Int32]

    /// Whether cells are encoded as Geneformer V2 does: `<cls>` first, `<eos>` last.
    package var isV2: Bool { cls != nil }
    /// Special tokens that every encoded cell carries: 2 or 0.
    package var specialsPerCell: Int { isV2 ? 2 : 0 }

    /// A vocabulary of `entries`, in any order, and `aliases` (key → id; keys are read case-insensitively, those
    /// that lead to no gene of the vocabulary are left out, as are empty ones and such with control characters). O(n log n).
    ///
    /// - Parameters:
    ///   - file: for messages.
    ///   - line: the line of an entry in `file`, if it has lines.
    /// - Throws: ``TokenizerError`` `malformedVocabulary` if a token or id occurs twice, a gene's median is missing,
    ///   not finite or not above zero, `<cls>` comes without `<eos>`, or there is no gene.
    package init(
        entries unsorted: [Entry], aliases: [(key: String, id: String)] = [],
        file: String? = nil, line: (Int) -> Int? = { _ in nil }
    ) throws(TokenizerError) {
        func fail(_ index: Int?, _ detail: String) -> TokenizerError {
            TokenizerError(
                .malformedVocabulary, file: file, line: index.flatMap(line),
                gene: index.map { unsorted[$0].id }, detail: detail)
        }
        let specials = Set(Self.specialNames)
        var count = 0
        var ids: [String: UInt32] = [:]
        var upperIDs: [String: UInt32] = [:]
        ids.reserveCapacity(unsorted.count)
        upperIDs.reserveCapacity(unsorted.count)
        for (index, entry) in unsorted.enumerated() {
            guard entry.token < Self.largestCount else {
                throw fail(index, "token \(entry.token) of \(entry.id) is above \(Self.largestCount - 1)")
            }
            guard !entry.id.isEmpty else { throw fail(index, "token \(entry.token) has no Ensembl id") }
            guard !entry.id.hasControlCharacter, !entry.symbol.hasControlCharacter else {
                throw fail(index, "the id or symbol of token \(entry.token) holds a control character")
            }
            if let other = ids.updateValue(entry.token, forKey: entry.id) {
                throw fail(index, "\(entry.id) occurs twice, as token \(other) and as \(entry.token)")
            }
            if specials.contains(entry.id) {
                guard entry.median == nil else {
                    throw fail(index, "the special token \(entry.id) has a median, which must be empty")
                }
            } else {
                guard let median = entry.median else { throw fail(index, "\(entry.id) has no non-zero median") }
                guard median.isFinite, median > 0 else {
                    throw fail(index, "the median of \(entry.id) is \(median), not a number above 0")
                }
                if upperIDs.updateValue(entry.token, forKey: entry.id.geneKey) != nil {
                    throw fail(index, "\(entry.id) occurs twice but for the case of its letters")
                }
            }
            count = max(count, Int(entry.token) + 1)
        }
        guard !upperIDs.isEmpty else { throw fail(nil, "there is no gene in the vocabulary") }
        if ids["<cls>"] != nil, ids["<eos>"] == nil {
            throw fail(nil, "<cls> is there, but <eos> is not; a cell needs both or none")
        }

        var indexOfToken = [Int32](repeating: -1, count: count)
        let order = unsorted.indices.sorted { (unsorted[$0].token, $0) < (unsorted[$1].token, $1) }
        var entries: [Entry] = []
        entries.reserveCapacity(order.count)
        var medians = [Double](repeating: .nan, count: count)
        var symbols: [String: [UInt32]] = [:]
        var upperSymbols: [String: [UInt32]] = [:]
        for index in order {
            let entry = unsorted[index]
            guard indexOfToken[Int(entry.token)] < 0 else {
                let other = entries[Int(indexOfToken[Int(entry.token)])].id
                throw fail(index, "token \(entry.token) occurs twice, for \(other) and for \(entry.id)")
            }
            indexOfToken[Int(entry.token)] = Int32(entries.count)
            entries.append(entry)
            guard let median = entry.median else { continue }
            medians[Int(entry.token)] = median
            if !entry.symbol.isEmpty {
                symbols[entry.symbol, default: []].append(entry.token)
                upperSymbols[entry.symbol.geneKey, default: []].append(entry.token)
            }
        }

        var aliasTokens: [String: UInt32] = [:]
        for (key, id) in aliases {
            guard let token = ids[id], !specials.contains(id), !key.isEmpty, !key.hasControlCharacter else { continue }
            let upper = key.geneKey
            if upperIDs[upper] == token { continue }
            if let other = aliasTokens.updateValue(token, forKey: upper), other != token {
                throw fail(nil, "the name \(key) leads to two genes, \(id) is one of them")
            }
        }

        self.entries = entries
        self.count = count
        self.geneCount = upperIDs.count
        self.medians = medians
        self.indexOfToken = indexOfToken
        self.aliases = aliasTokens
        self.tokenOfID = ids
        self.tokenOfUpperID = upperIDs
        self.tokensOfSymbol = symbols
        self.tokensOfUpperSymbol = upperSymbols
        pad = ids["<pad>"]
        mask = ids["<mask>"]
        cls = ids["<cls>"]
        eos = ids["<eos>"]
    }

    /// A vocabulary of genes in the given order, behind special tokens: `<pad>` 0, `<mask>` 1, and for V2 `<cls>` 2,
    /// `<eos>` 3.
    package convenience init(
        genes: [(id: String, symbol: String, median: Double)], v2: Bool,
        aliases: [(key: String, id: String)] = []
    ) throws(TokenizerError) {
        var entries = Self.specialNames.prefix(v2 ? 4 : 2).enumerated().map { Entry(token: UInt32($0), id: $1) }
        for gene in genes {
            entries.append(
                Entry(token: UInt32(entries.count), id: gene.id, symbol: gene.symbol, median: gene.median))
        }
        try self.init(entries: entries, aliases: aliases)
    }

    /// The entry of `token`; nil if the number has none.
    package func entry(_ token: UInt32) -> Entry? {
        guard Int(token) < count, indexOfToken[Int(token)] >= 0 else { return nil }
        return entries[Int(indexOfToken[Int(token)])]
    }

    /// The token of an Ensembl id as it is written in the vocabulary; nil if it has none.
    package func token(ofID id: String) -> UInt32? { tokenOfID[id] }

    /// Whether `token` stands for a gene.
    package func isGene(_ token: UInt32) -> Bool { Int(token) < count && !medians[Int(token)].isNaN }

    /// What people call `token`: the gene's symbol, else its id, else `token N`.
    package func name(_ token: UInt32) -> String {
        guard let entry = entry(token) else { return "token \(token)" }
        return entry.symbol.isEmpty ? entry.id : entry.symbol
    }
}
