internal import Numerics

/// Geneformer's rank value encoding (Theodoris et al., Nature 2023): the genes of a cell in descending order of
/// v = x / n × 10,000 / m, with x the gene's count, n the cell's total over all genes of the file and m the gene's
/// non-zero median; in `Double`, in this order of operations.
///
/// Zeros are dropped, columns of one gene summed first, ties broken by the order of the genes in the file (a gene's
/// first column). V2 (the vocabulary has `<cls>`) puts `<cls>` in front and `<eos>` behind.
package struct RankValueEncoder: Sendable {
    /// The genes it knows.
    package let vocabulary: Vocabulary
    /// The longest input of the model, special tokens included.
    package let maximumLength: Int
    /// The most genes that the model reads of a cell.
    package var geneCapacity: Int { maximumLength - vocabulary.specialsPerCell }

    /// An encoder for a model that reads up to `maximumLength` tokens (its `max_position_embeddings`: 2,048 for
    /// Geneformer V1, 4,096 for V2).
    ///
    /// - Throws: ``TokenizerError`` `invalidRequest` if no gene has a place.
    package init(vocabulary: Vocabulary, maximumLength: Int) throws(TokenizerError) {
        guard maximumLength > vocabulary.specialsPerCell else {
            throw TokenizerError(
                .invalidRequest, detail: "a model input of \(maximumLength) tokens leaves no place for a gene",
                advice: "give a model with more positions (max_position_embeddings)")
        }
        self.vocabulary = vocabulary
        self.maximumLength = maximumLength
    }

    /// Memory of one thread; serves any number of cells of one file.
    package struct Scratch: ~Copyable {
        /// By slot, where columns are summed: zeros between two cells.
        fileprivate var sums: [Double] = []
        fileprivate var touched: [Int32] = []
        fileprivate var sorter = RankSorter()

        /// Empty scratch memory; it grows with the first cells.
        package init() {}
    }

    /// Encodes one cell: the counts `values` of the file's `columns`, ascending. Values that are not above zero and
    /// columns that are no gene of the vocabulary take no part in the ranking; all take part in the total.
    /// O(values + genes); allocates nothing once `cell` and `scratch` have grown.
    package func encode(
        columns: Span<Int32>, values: Span<Double>, genes: GeneColumns, into cell: inout EncodedCell,
        scratch: inout Scratch
    ) {
        precondition(columns.count == values.count, "one value for each column")
        // One more than there can be: a column that is left out is written, too, and overwritten by the next.
        scratch.sorter.reserve(values.count + 1)
        let (total, count) =
            genes.summary.summed == 0
            ? gather(columns, values, genes, scratch.sorter) : sum(columns, values, genes, &scratch)
        rank(count, of: total, into: &cell, scratch: &scratch)
    }

    /// Encodes a cell that was ranked by another vocabulary, as if it were read again; genes of equal value stay in the
    /// order that they have in `ranking`. O(genes).
    ///
    /// - Parameter translation: by token of that vocabulary: the token of this one; nil for a gene that it has not.
    package func encode(
        _ ranking: RankedCell, translation: [UInt32?], into cell: inout EncodedCell, scratch: inout Scratch
    ) {
        scratch.sorter.reserve(ranking.tokens.count)
        var count = 0
        for (token, value) in zip(ranking.tokens, ranking.counts) {
            guard let own = translation[Int(token)] else { continue }
            scratch.sorter.tokens.baseAddress[count] = own
            scratch.sorter.counts.baseAddress[count] = value
            scratch.sorter.values.baseAddress[count] = vocabulary.medians[Int(own)]
            count += 1
        }
        rank(count, of: ranking.total, into: &cell, scratch: &scratch)
    }

    /// Sorts the genes whose tokens, counts and medians are filled in.
    private func rank(_ count: Int, of total: Double, into cell: inout EncodedCell, scratch: inout Scratch) {
        let sorter = (
            tokens: scratch.sorter.tokens.baseAddress, counts: scratch.sorter.counts.baseAddress,
            values: scratch.sorter.values.baseAddress
        )
        // The medians are there already.
        for gene in 0..<count { sorter.values[gene] = sorter.counts[gene] / total * 10_000 / sorter.values[gene] }
        scratch.sorter.sort(count)

        cell.ranking.total = total
        cell.ranking.tokens.resize(count, filling: 0)
        cell.ranking.counts.resize(count, filling: 0)
        cell.ranking.tokens.withUnsafeMutableBufferPointer { tokens in
            for place in 0..<count { tokens[place] = sorter.tokens[scratch.sorter.gene(at: place)] }
        }
        cell.ranking.counts.withUnsafeMutableBufferPointer { counts in
            for place in 0..<count { counts[place] = sorter.counts[scratch.sorter.gene(at: place)] }
        }
        cell.isTruncated = modelInput(of: cell.ranking.tokens, into: &cell.tokens)
    }

    /// Fills in tokens, counts and medians where every gene is one column. Returns the total, and how many genes there are.
    private func gather(
        _ columns: Span<Int32>, _ values: Span<Double>, _ genes: GeneColumns, _ sorter: borrowing RankSorter
    ) -> (total: Double, count: Int) {
        let (tokens, counts, medians) = (
            sorter.tokens.baseAddress, sorter.counts.baseAddress, sorter.values.baseAddress
        )
        let (known, different) = (genes.columns.span, genes.medians.span)
        var total = 0.0
        var count = 0
        for index in values.indices {
            let value = values[index]
            let column = known[Int(columns[index])]
            total += value
            tokens[count] = column.token
            counts[count] = value
            medians[count] = different[Int(column.median)]
            // Without a branch, which would be guessed wrong for every third column.
            count &+= (column.token != GeneColumns.Column.none ? 1 : 0) & (value > 0 ? 1 : 0)
        }
        return (total, count)
    }

    /// The same where columns of one gene are summed.
    private func sum(
        _ columns: Span<Int32>, _ values: Span<Double>, _ genes: GeneColumns, _ scratch: inout Scratch
    ) -> (total: Double, count: Int) {
        if scratch.sums.count < genes.tokens.count {
            scratch.sums = [Double](repeating: 0, count: genes.tokens.count)
        }
        scratch.touched.removeAll(keepingCapacity: true)
        var total = 0.0
        for index in values.indices {
            let value = values[index]
            let slot = genes.slotOfColumn[Int(columns[index])]
            total += value
            guard slot != GeneColumns.noSlot, value > 0 else { continue }
            if scratch.sums[Int(slot)] == 0 { scratch.touched.append(slot) }
            scratch.sums[Int(slot)] += value
        }
        // The order of ties is that of the slots, not of the columns that brought them.
        scratch.touched.sort()
        for (gene, slot) in scratch.touched.enumerated() {
            let token = genes.tokens[Int(slot)]
            scratch.sorter.tokens.baseAddress[gene] = token
            scratch.sorter.counts.baseAddress[gene] = scratch.sums[Int(slot)]
            scratch.sorter.values.baseAddress[gene] = vocabulary.medians[Int(token)]
            scratch.sums[Int(slot)] = 0
        }
        return (total, scratch.touched.count)
    }

    /// Writes what the model reads of a whole ranking: the first ``geneCapacity`` genes, with the special tokens.
    /// Returns whether anything was cut off.
    @discardableResult
    package func modelInput(of ranking: [UInt32], into tokens: inout [UInt32]) -> Bool {
        tokens.removeAll(keepingCapacity: true)
        if let cls = vocabulary.cls { tokens.append(cls) }
        tokens.append(contentsOf: ranking.prefix(geneCapacity))
        if vocabulary.isV2, let eos = vocabulary.eos { tokens.append(eos) }
        return ranking.count > geneCapacity
    }
}

extension Array {
    /// Makes it `count` elements long; what it keeps is as it was.
    fileprivate mutating func resize(_ count: Int, filling value: Element) {
        if count < self.count { removeLast(self.count - count) }
        if count > self.count { append(contentsOf: repeatElement(value, count: count - self.count)) }
    }
}
