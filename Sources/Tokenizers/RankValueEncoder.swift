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
    package struct Scratch: Sendable {
        fileprivate var sums: [Double] = []
        fileprivate var touched: [Int32] = []
        fileprivate var items = RankSorter()

        /// Empty scratch memory; it grows with the first cells.
        package init() {}
    }

    /// Encodes one cell: the counts `values` of the file's `columns`, ascending. Values that are not above zero and
    /// columns that are no gene of the vocabulary take no part in the ranking; all take part in the total.
    /// O(values + genes log genes); allocates nothing once `cell` and `scratch` have grown.
    package func encode(
        columns: Span<Int32>, values: Span<Double>, genes: GeneColumns, into cell: inout EncodedCell,
        scratch: inout Scratch
    ) {
        precondition(columns.count == values.count, "one value for each column")
        if scratch.sums.count < genes.tokens.count {
            scratch.sums = [Double](repeating: 0, count: genes.tokens.count)
        }
        scratch.touched.removeAll(keepingCapacity: true)
        var total = 0.0
        for index in values.indices {
            let value = values[index]
            total += value
            let slot = genes.slotOfColumn[Int(columns[index])]
            guard slot != GeneColumns.noSlot, value > 0 else { continue }
            if scratch.sums[Int(slot)] == 0 { scratch.touched.append(slot) }
            scratch.sums[Int(slot)] += value
        }

        scratch.items.removeAll()
        for slot in scratch.touched {
            let median = vocabulary.medians[Int(genes.tokens[Int(slot)])]
            scratch.items.append(value: scratch.sums[Int(slot)] / total * 10_000 / median, slot: slot)
        }
        scratch.items.sort()

        cell.ranking.tokens.removeAll(keepingCapacity: true)
        cell.ranking.counts.removeAll(keepingCapacity: true)
        cell.ranking.total = total
        for slot in scratch.items.slots {
            cell.ranking.tokens.append(genes.tokens[Int(slot)])
            cell.ranking.counts.append(scratch.sums[Int(slot)])
        }
        for slot in scratch.touched { scratch.sums[Int(slot)] = 0 }
        cell.isTruncated = modelInput(of: cell.ranking.tokens, into: &cell.tokens)
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
