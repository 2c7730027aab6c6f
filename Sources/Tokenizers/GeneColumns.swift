/// Which columns of a file are which genes of a vocabulary.
///
/// Columns of the same gene (an id twice, an id and its retired form, an id and its symbol) become one *slot*: their
/// counts are always summed. Slots are in the order of their first column.
package struct GeneColumns: Sendable {
    /// Stands for "no gene of the vocabulary" in ``slotOfColumn``.
    package static let noSlot: Int32 = -1

    /// By column: its slot or ``noSlot``.
    package let slotOfColumn: [Int32]
    /// By slot: the token.
    package let tokens: [UInt32]
    /// By column: what the encoder looks up for every count, in few bytes, so that all of it stays in the cache.
    let columns: [Column]
    /// The medians that occur.
    let medians: [Double]

    /// One column of the file.
    struct Column: Sendable {
        /// ``none`` for a column that is no gene of the vocabulary.
        let token: UInt32
        /// Its place in ``GeneColumns/medians``.
        let median: UInt32

        static let none = UInt32.max
    }

    /// What was found, for the report.
    package let summary: Summary

    /// What was found in a file's genes.
    package struct Summary: Sendable, Hashable {
        /// Columns of the file.
        package var total = 0
        /// Columns that are a gene of the vocabulary.
        package var matched = 0
        /// … of these, named by Ensembl id.
        package var matchedByID = 0
        /// … of these, named by symbol or another name.
        package var matchedBySymbol = 0
        /// Different genes of the vocabulary.
        package var genes = 0
        /// Columns that were added to an earlier column of the same gene.
        package var summed = 0
        /// Columns that have neither id nor symbol.
        package var unnamed = 0
        /// The first few identifiers that are not in the vocabulary.
        package var unmatchedExamples: [String] = []
        /// Columns that are no gene of the vocabulary.
        package var unmatched: Int { total - matched }
    }

    /// Maps the columns named by `ids`; a column whose id is empty is named by `symbols`, if they are given. O(columns).
    ///
    /// - Throws: ``TokenizerError`` `noKnownGene` with the likely reason if no column is known.
    package init(ids: [String], symbols: [String]? = nil, vocabulary: Vocabulary) throws(TokenizerError) {
        precondition(symbols == nil || symbols?.count == ids.count, "one symbol for each id")
        var slots = [Int32](repeating: Self.noSlot, count: ids.count)
        var slotOfToken = [Int32](repeating: Self.noSlot, count: vocabulary.count)
        var tokens: [UInt32] = []
        var summary = Summary(total: ids.count)
        var names: [String] = []
        for column in ids.indices {
            let id = ids[column].trimmedOfSpaces
            let name = id.isEmpty ? symbols?[column].trimmedOfSpaces ?? "" : id
            guard !name.isEmpty else {
                summary.unnamed += 1
                continue
            }
            guard let (token, isID) = vocabulary.token(inFile: name) else {
                if summary.unmatchedExamples.count < 3 { summary.unmatchedExamples.append(name) }
                names.append(name)
                continue
            }
            summary.matched += 1
            if isID { summary.matchedByID += 1 } else { summary.matchedBySymbol += 1 }
            if slotOfToken[Int(token)] == Self.noSlot {
                slotOfToken[Int(token)] = Int32(tokens.count)
                tokens.append(token)
            } else {
                summary.summed += 1
            }
            slots[column] = slotOfToken[Int(token)]
        }
        summary.genes = tokens.count
        guard summary.matched > 0 else {
            let reason = GeneDiagnosis.reason(unknown: names, unnamed: summary.unnamed, vocabulary: vocabulary)
            throw TokenizerError(
                .noKnownGene, gene: names.first, detail: "0 of \(grouped(ids.count)) genes known", advice: reason)
        }
        self.slotOfColumn = slots
        self.tokens = tokens
        var places: [Double: UInt32] = [1: 0]
        var medians = [1.0]
        columns = slots.map { slot in
            guard slot != Self.noSlot else { return Column(token: Column.none, median: 0) }
            let token = tokens[Int(slot)]
            let median = vocabulary.medians[Int(token)]
            let place = places[median] ?? UInt32(medians.count)
            if place == medians.count {
                places[median] = place
                medians.append(median)
            }
            return Column(token: token, median: place)
        }
        self.medians = medians
        self.summary = summary
    }

    /// By column: the token; nil for a column that is no gene of the vocabulary.
    package func token(ofColumn column: Int) -> UInt32? {
        let slot = slotOfColumn[column]
        return slot == Self.noSlot ? nil : tokens[Int(slot)]
    }
}

extension String {
    /// Without white space at both ends; allocates only if there is some.
    fileprivate var trimmedOfSpaces: String {
        guard utf8.first.map({ $0 <= 0x20 }) == true || utf8.last.map({ $0 <= 0x20 }) == true else { return self }
        let end = utf8.lastIndex { $0 > 0x20 }
        guard let start = utf8.firstIndex(where: { $0 > 0x20 }), let end else { return "" }
        return String(self[start...end])
    }
}
