internal import AnnData
internal import CellTransformer
internal import Foundation
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension Database {
    /// Genes whose embeddings are most like that of `gene`: an Ensembl id, a symbol or an alias.
    ///
    /// A gene's embedding is the mean of its hidden states over the cells that have it among what the model reads, in the
    /// layer that the cells' embeddings are made from. Cells that the stored means lack are first passed through the
    /// model, and the means stored if the database was opened for writing.
    ///
    /// - Throws: ``EmbDBError`` `unknownGene` with the nearest names, `usage` for an unknown column or group,
    ///   `nothingFound` if no cell has the gene, `model` if the database has none, `cancelled`, `corrupted`.
    /// - Complexity: O(genes × dimension), and one pass through the model a cell that the means lack.
    public func nearestGenes(
        to gene: String, options: GeneOptions = GeneOptions(), control: Control = Control()
    ) throws(EmbDBError) -> NearestGenes {
        try withEmbDBErrors {
            guard options.k >= 1 else { throw EmbDBError(.usage, "k is \(options.k): give a whole number from 1") }
            var token: UInt32 = 0
            let found = try geneMeans(options, control: control) { vocabulary in
                token = try vocabulary.token(forGene: gene)
                guard vocabulary.isGene(token) else {
                    throw EmbDBError(.unknownGene, "\(gene) is no gene: name genes by Ensembl id or symbol")
                }
            }
            let (means, vocabulary) = (found.means, found.vocabulary)
            guard let own = means.tokens.firstIndex(of: token) else {
                throw EmbDBError(
                    .nothingFound,
                    "no cell\(options.group.map { " of the group \($0)" } ?? "") has \(vocabulary.name(token)) among "
                        + "the genes that the model reads: name another one")
            }
            let direction = Direction(Array(means.vectors[row: own]))
            let order = means.tokens.indices.filter { $0 != own && means.cells[$0] >= options.minimumCells }
                .map { (similarity: direction.cosine(Array(means.vectors[row: $0])), index: $0) }
                .sorted { ($1.similarity, $0.index) < ($0.similarity, $1.index) }
            return NearestGenes(
                gene: vocabulary.name(token), geneID: vocabulary.entry(token)?.id ?? "", cells: means.cells[own],
                group: options.group, model: found.model,
                neighbors: order.prefix(options.k).enumerated().map { rank, other in
                    let token = means.tokens[other.index]
                    return .init(
                        rank: rank + 1, gene: vocabulary.name(token), geneID: vocabulary.entry(token)?.id ?? "",
                        similarity: other.similarity, cells: means.cells[other.index])
                })
        }
    }

    /// Brings the gene embeddings up to date and groups them by the values of an obs column, also after the fact.
    ///
    /// - Returns: what there is now.
    /// - Throws: ``EmbDBError`` `usage` for an unknown column or a database that was opened read-only, `model` if the
    ///   database has none, `cancelled`, `corrupted`, `locked`.
    /// - Complexity: one pass through the model a cell that the stored means lack; every cell if they are grouped by
    ///   another column.
    public func groupGenes(
        by column: String, threads: Int = Database.availableThreads, control: Control = Control()
    ) throws(EmbDBError) -> GeneEmbeddingsInfo? {
        try withEmbDBErrors {
            guard environment.mode != .readOnly else {
                throw EmbDBError(.usage, "the database may only be read (\(path)): name a gene to get an answer")
            }
            try updateGenes(groupedBy: column, mustStore: true, threads: threads, control: control)
            return try info().geneEmbeddings
        }
    }

    /// The means of a group, computed as far as they are not stored.
    ///
    /// - Parameter check: looks at what was asked for before anything is computed.
    func geneMeans(
        _ options: GeneOptions, control: Control, check: (Vocabulary) throws -> Void
    ) throws -> (means: GeneMeans, vocabulary: Vocabulary, model: ModelSummary) {
        let (ready, vocabulary, model) = try environment.read { transaction in
            let snapshot = try Snapshot(transaction, path: path)
            let reference = try Self.requireGenes(snapshot, path)
            let vocabulary = try StoredModel.vocabulary(reference, in: transaction)
            let model = try ModelSummary(StoredModel.record(reference, in: transaction))
            try check(vocabulary)
            let plan = try GenePlan(
                options.groupBy, state: snapshot.state, live: snapshot.live, path: path, in: transaction)
            try checkGroup(options.group, plan, snapshot, in: transaction)
            var means: GeneMeans?
            if plan.isComplete, let record = plan.record, let group = Self.number(of: options.group, record) {
                // Damaged sums are computed anew.
                means = try? StoredGenes.means(
                    group, record, tokenCount: vocabulary.count, dimension: snapshot.settings.dimension,
                    in: transaction)
            }
            return (means, vocabulary, model)
        }
        if let ready { return (ready, vocabulary, model) }
        let tally = try updateGenes(groupedBy: options.groupBy, threads: options.threads, control: control)
        guard let group = tally.groups.firstIndex(where: { $0.value == options.group }) else {
            throw EmbDBError(.nothingFound, "no cell is in the group \(options.group ?? ""): name another one")
        }
        return (GeneMeans(tally, group: group), vocabulary, model)
    }

    /// Computes what the stored sums lack; stores it if it can.
    ///
    /// - Throws: also what was in the way of storing it, if it must be stored.
    @discardableResult
    func updateGenes(
        groupedBy column: String?, mustStore: Bool = false, threads: Int, control: Control
    ) throws -> GeneTally {
        var update = try environment.read { transaction in
            let snapshot = try Snapshot(transaction, path: path)
            _ = try Self.requireGenes(snapshot, path)
            let plan = try GenePlan(column, state: snapshot.state, live: snapshot.live, path: path, in: transaction)
            return try GeneUpdate(
                plan, snapshot, database: self, threads: threads, control: control, in: transaction)
        }
        try update.perform()
        if mustStore, let failure = update.failure { throw failure }
        return update.tally
    }

    private static func requireGenes(_ snapshot: Snapshot, _ path: String) throws(EmbDBError) -> ModelReference {
        if let model = snapshot.model { return model }
        throw EmbDBError(
            .model,
            "the database has vectors but no model (\(path)): there are gene embeddings where embdb embedded the cells")
    }

    private static func number(of group: String?, _ record: GeneRecord) -> Int? {
        record.groups.firstIndex { $0.value == group }
    }

    /// - Throws: ``EmbDBError/Code/usage`` if no cell is in such a group.
    private func checkGroup(
        _ group: String?, _ plan: GenePlan, _ snapshot: Snapshot, in transaction: borrowing ReadTransaction
    ) throws {
        guard let group else { return }
        guard let column = plan.column else {
            throw EmbDBError(
                .usage, "--group \(group): the gene embeddings are not grouped (\(path)): give --group-genes-by COLUMN")
        }
        let values: [String]
        if plan.isComplete, let record = plan.record {
            values = record.groups.compactMap(\.value)
        } else {
            let number = snapshot.state.columns.firstIndex { $0.name == column } ?? 0
            let labels = try GroupLabels(
                StoredObs.column(number, state: snapshot.state, in: transaction), name: column)
            values = labels.values(of: snapshot.live.rows).sorted()
        }
        guard !values.contains(group) else { return }
        let near = nearestNames(to: group, in: values)
        throw EmbDBError(
            .usage,
            "--group \(group): no cell has this value of \(column) (\(path)): "
                + (near.isEmpty
                    ? "there is \(values.prefix(10).joined(separator: ", "))\(values.count > 10 ? ", …" : "")"
                    : "did you mean \(near.joined(separator: ", "))?"))
    }
}

extension GeneMeans {
    init(_ tally: GeneTally, group: Int) {
        let genes = tally.sums.genes(of: group)
        tokens = genes.map(\.token)
        cells = genes.map(\.cells)
        vectors = Matrix(rows: genes.count, columns: tally.sums.dimension)
        var next = 0
        for (token, count) in genes {
            tally.sums.withSums(of: token, group: group) { sums in
                for sum in sums {
                    vectors.values[next] = GeneSums.mean(sum, cells: count)
                    next += 1
                }
            }
        }
    }
}
