internal import Tokenizers

/// Which perturbations are made in a cell: of single genes, of all together, of each beside an anchor, or of given sets.
struct PerturbPlan {
    /// Genes that are perturbed at once.
    struct Change {
        let genes: [UInt32]
        /// The gene that a row is about; nil for several.
        let gene: UInt32?
        /// Of that gene among the cell's genes; nil if the cell has it not.
        let position: Int?
        /// How many of the genes the cell has.
        let found: Int
    }

    /// The genes that were named, in their order; nil: every gene that a cell has.
    let genes: [UInt32]?
    /// Whether results of several genes are compared with the sum of the single ones.
    let hasSynergy: Bool
    private let options: PerturbOptions
    private let anchor: UInt32?
    private let sets: [[UInt32]]?

    /// - Throws: ``EmbDBError`` `usage` for wishes that exclude one another, `unknownGene`.
    init(_ options: PerturbOptions, _ embedder: StoredCellEmbedder) throws {
        self.options = options
        try KnockoutOptions.checkQuartiles(options.quartiles)
        let wishes = [options.together, options.anchor != nil, options.sets != nil].count { $0 }
        guard wishes <= 1 else {
            throw EmbDBError(.usage, "genes together, beside an anchor, and in sets exclude one another: take one")
        }
        guard options.genes != nil || !options.together else {
            throw EmbDBError(
                .usage, "all genes together leave nothing of a cell: name the genes, or leave --together out")
        }
        if let set = options.sets?.first(where: { Set($0).count < 2 }) {
            throw EmbDBError(
                .usage, "a set of genes needs two or more (\(set.joined(separator: " "))): name them, or use --genes")
        }
        func unique(_ tokens: [UInt32]) -> [UInt32] {
            var seen: Set<UInt32> = []
            return tokens.filter { seen.insert($0).inserted }
        }
        let anchor = try options.anchor.map { try embedder.genes([$0])[0] }
        self.anchor = anchor
        let sets = try options.sets.map { sets in try sets.map { unique(try embedder.genes($0)) } }
        self.sets = sets
        if let place = sets?.firstIndex(where: { $0.count < 2 }) {
            throw EmbDBError(
                .usage,
                "a set of genes needs two or more (\(options.sets?[place].joined(separator: " ") ?? "")): these are one gene"
            )
        }
        genes =
            try sets.map { unique($0.flatMap { $0 }) }
            ?? options.genes.map { unique(try embedder.genes($0)).filter { $0 != anchor } }
        if genes?.isEmpty == true {
            throw EmbDBError(
                .usage, anchor == nil ? "no gene is named" : "no gene is left beside the anchor: name others")
        }
        hasSynergy = anchor != nil || sets != nil
    }

    /// What is done to a cell, and how many of the wanted changes cannot be made.
    ///
    /// - Parameter own: what the model reads of it, without special tokens.
    func changes(of own: ArraySlice<UInt32>) -> (changes: [Change], leftOut: Int) {
        var positions: [UInt32: Int] = [:]
        for (place, token) in own.enumerated() { positions[token] = place }
        func change(_ genes: [UInt32], about gene: UInt32?) -> Change {
            Change(
                genes: genes, gene: gene, position: gene.flatMap { positions[$0] },
                found: genes.count { positions[$0] != nil })
        }
        let wanted: [Change]
        if let sets {
            wanted = sets.map { change($0, about: nil) }
        } else if options.together {
            wanted = [change(genes ?? [], about: nil)]
        } else if let anchor {
            wanted = (genes ?? own.filter { $0 != anchor }).map { change([anchor, $0], about: $0) }
        } else if let genes {
            wanted = genes.map { change([$0], about: $0) }
        } else {
            // Where every gene is meant, those that stay where they are say nothing.
            wanted = own.enumerated().filter { options.mode.isPossible(position: $0.offset, of: own.count) }
                .map { change([$0.element], about: $0.element) }
        }
        let made = wanted.filter { isPossible($0, of: own.count) }
        return (made, wanted.count - made.count)
    }

    /// A cell cannot lose what it has not, nor all; sets are looked at where a cell has all of them. Only overexpression
    /// brings in genes that it has not.
    private func isPossible(_ change: Change, of count: Int) -> Bool {
        if options.mode == .overexpress { return true }
        if change.found == 0 || (options.mode == .delete && change.found == count) { return false }
        return !hasSynergy || change.found == change.genes.count
    }
}
