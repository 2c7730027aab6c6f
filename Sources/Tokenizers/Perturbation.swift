/// An in-silico perturbation: genes that are deleted, and genes that are put to the front of the ranking.
package struct Perturbation: Sendable, Hashable {
    /// Genes to delete.
    package let deleted: [UInt32]
    /// Genes to overexpress; the first one goes first.
    package let overexpressed: [UInt32]

    /// Whether it changes nothing.
    package var isEmpty: Bool { deleted.isEmpty && overexpressed.isEmpty }

    /// A perturbation; a gene that is listed twice counts once.
    ///
    /// - Throws: ``TokenizerError`` `invalidRequest` if a gene is both deleted and overexpressed or a token is no gene.
    package init(
        delete: [UInt32] = [], overexpress: [UInt32] = [], vocabulary: Vocabulary
    ) throws(TokenizerError) {
        func unique(_ tokens: [UInt32]) -> [UInt32] {
            var seen: Set<UInt32> = []
            return tokens.filter { seen.insert($0).inserted }
        }
        for token in delete + overexpress where !vocabulary.isGene(token) {
            throw TokenizerError(
                .invalidRequest, gene: vocabulary.name(token),
                detail: "\(vocabulary.name(token)) is no gene and cannot be perturbed",
                advice: "name genes by Ensembl id or symbol")
        }
        if let both = overexpress.first(where: delete.contains) {
            throw TokenizerError(
                .invalidRequest, gene: vocabulary.name(both),
                detail: "gene \(vocabulary.name(both)) is to be deleted and overexpressed", advice: "name it once")
        }
        self.deleted = unique(delete)
        self.overexpressed = unique(overexpress)
    }

    /// A perturbed cell beside the facts that a comparison with the original needs.
    package struct Outcome: Sendable, Hashable {
        /// What the model reads of the perturbed cell.
        package var tokens: [UInt32]
        /// Listed genes that the cell had among what the model reads of it, in the order of the lists.
        package var found: [UInt32]
        /// Genes cut off at the end to make room; a comparison gene by gene leaves them out of the original too.
        package var dropped: Int
    }

    /// The perturbed form of `tokens`, which is what the model reads of a cell (``EncodedCell/tokens``).
    ///
    /// As in Geneformer, deleted genes make the input shorter: nothing moves in from beyond the cut.
    /// Overexpressed genes are removed where they are, then put in front (V2: behind `<cls>`) in the order of the
    /// list; what is then longer than the model's input is cut at the end, `<eos>` kept. O(tokens × genes listed).
    package func applied(to tokens: [UInt32], encoder: RankValueEncoder) -> Outcome {
        let vocabulary = encoder.vocabulary
        var genes = tokens[...]
        let hasCLS = genes.first != nil && genes.first == vocabulary.cls
        if hasCLS { genes.removeFirst() }
        let hasEOS = genes.last != nil && genes.last == vocabulary.eos
        if hasEOS { genes.removeLast() }

        let kept = genes.filter { !deleted.contains($0) && !overexpressed.contains($0) }
        let ends = (hasCLS ? 1 : 0) + (hasEOS ? 1 : 0)
        let room = max(0, encoder.maximumLength - ends)
        let ranked = overexpressed + kept

        var result: [UInt32] = []
        result.reserveCapacity(min(room, ranked.count) + ends)
        if hasCLS, let cls = vocabulary.cls { result.append(cls) }
        result.append(contentsOf: ranked.prefix(room))
        if hasEOS, let eos = vocabulary.eos { result.append(eos) }
        return Outcome(
            tokens: result, found: (deleted + overexpressed).filter(genes.contains),
            dropped: max(0, ranked.count - room))
    }
}
