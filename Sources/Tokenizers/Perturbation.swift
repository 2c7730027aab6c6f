/// An in-silico perturbation: genes that are deleted, put to the front of the ranking, or moved up or down in it.
package struct Perturbation: Sendable, Hashable {
    /// Genes to delete.
    package let deleted: [UInt32]
    /// Genes to overexpress; the first one goes first.
    package let overexpressed: [UInt32]

    /// Genes to move by ``quartiles``.
    package let moved: [UInt32]
    /// Quartiles of the ranking, downwards; upwards below 0.
    package let quartiles: Int

    /// Whether it changes nothing.
    package var isEmpty: Bool { deleted.isEmpty && overexpressed.isEmpty && (moved.isEmpty || quartiles == 0) }

    /// A perturbation; a gene that is listed twice counts once.
    ///
    /// - Throws: ``TokenizerError`` `invalidRequest` if a gene is both deleted and overexpressed or a token is no gene.
    package init(
        delete: [UInt32] = [], overexpress: [UInt32] = [], vocabulary: Vocabulary
    ) throws(TokenizerError) {
        try Self.check(delete + overexpress, vocabulary)
        if let both = overexpress.first(where: delete.contains) {
            throw TokenizerError(
                .invalidRequest, gene: vocabulary.name(both),
                detail: "gene \(vocabulary.name(both)) is to be deleted and overexpressed", advice: "name it once")
        }
        self.deleted = Self.unique(delete)
        self.overexpressed = Self.unique(overexpress)
        moved = []
        quartiles = 0
    }

    /// Moves genes that a cell has by quartiles of its ranking, as Geneformer announces it for "inhibit" (downwards) and
    /// "activate" (upwards, below 0): to the middle of the quartile that is so many away, or, where there is none, to the end
    /// or the front. Genes that a cell has not stay away.
    ///
    /// - Throws: ``TokenizerError`` `invalidRequest` if a token is no gene.
    package init(moving genes: [UInt32], byQuartiles quartiles: Int, vocabulary: Vocabulary) throws(TokenizerError) {
        try Self.check(genes, vocabulary)
        deleted = []
        overexpressed = []
        moved = Self.unique(genes)
        self.quartiles = quartiles
    }

    private static func unique(_ tokens: [UInt32]) -> [UInt32] {
        var seen: Set<UInt32> = []
        return tokens.filter { seen.insert($0).inserted }
    }

    private static func check(_ tokens: [UInt32], _ vocabulary: Vocabulary) throws(TokenizerError) {
        for token in tokens where !vocabulary.isGene(token) {
            throw TokenizerError(
                .invalidRequest, gene: vocabulary.name(token),
                detail: "\(vocabulary.name(token)) is no gene and cannot be perturbed",
                advice: "name genes by Ensembl id or symbol")
        }
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
        let ranked = moved.isEmpty ? overexpressed + kept : shifted(Array(genes))

        var result: [UInt32] = []
        result.reserveCapacity(min(room, ranked.count) + ends)
        if hasCLS, let cls = vocabulary.cls { result.append(cls) }
        result.append(contentsOf: ranked.prefix(room))
        if hasEOS, let eos = vocabulary.eos { result.append(eos) }
        return Outcome(
            tokens: result, found: (deleted + overexpressed + moved).filter(genes.contains),
            dropped: max(0, ranked.count - room))
    }

    /// The ranking with the moved genes at their new places, which are counted in the ranking as it was; of several for one
    /// place, the one that stood further up goes first.
    private func shifted(_ genes: [UInt32]) -> [UInt32] {
        let count = genes.count
        let own = genes.indices.filter { moved.contains(genes[$0]) }
        let targets = own.map { place in
            let quartile = place * 4 / count + quartiles
            return quartile < 0 ? 0 : quartile > 3 ? count - 1 : (2 * quartile + 1) * count / 8
        }
        var waiting = zip(own, targets).sorted { ($0.1, $0.0) < ($1.1, $1.0) }[...]
        var rest = genes.filter { !moved.contains($0) }[...]
        var result: [UInt32] = []
        result.reserveCapacity(count)
        while result.count < count {
            if let next = waiting.first, next.1 <= result.count || rest.isEmpty {
                result.append(genes[next.0])
                waiting.removeFirst()
            } else if let next = rest.popFirst() {
                result.append(next)
            }
        }
        return result
    }
}
