internal import CellTransformer
internal import HNSW
internal import LMDBStore
internal import Numerics

extension Database {
    /// What is in the database. O(1) in the cells, but for the count of deleted ones and one query.
    ///
    /// - Throws: ``EmbDBError`` `corrupted`, `storage`.
    public func info() throws(EmbDBError) -> DatabaseInfo {
        try withEmbDBErrors {
            try environment.read { transaction in
                let state = try MetaRecords.state(transaction)
                let live = try MetaRecords.live(transaction, rows: state.rows)
                let hasCells = state.embedding != nil && state.rows > 0
                let snapshot = hasCells ? try Snapshot(transaction, path: path, deletedOnes: true) : nil
                // Before anything else is read, so that it is the memory of opening and one answer.
                let memory = snapshot.flatMap(self.memory)
                let indexed = snapshot?.index.graphCount ?? 0
                let pending = try MetaRecords.pending(transaction)
                return DatabaseInfo(
                    format: Int(try MetaRecords.format(transaction, path: path) ?? Layout.formatVersion),
                    summary: try DatabaseSummary(reading: transaction),
                    layer: state.embedding?.layer, pooling: state.embedding?.pooling, obsm: state.embedding?.obsm,
                    metric: state.embedding.flatMap { EmbeddingMetric(rawValue: $0.metric) },
                    obs: state.columns.map { ($0.name, $0.kind.rawValue) },
                    genes: try state.model.map { try StoredModel.record($0, in: transaction).geneCount },
                    geneEmbeddings: try GeneEmbeddingsInfo(state: state, live: live, in: transaction),
                    fileBytes: Int(try environment.fileBytes()),
                    index: .init(
                        indexed: indexed, tail: state.rows - indexed, deleted: state.rows - live.population,
                        recommendedEf: snapshot?.recommendedEf, recall: snapshot?.recall),
                    memory: memory,
                    pendingIngest: pending.map {
                        .init(sources: $0.sources, cellsWritten: $0.state.rows - state.rows)
                    },
                    simdLevel: SIMDLevel.current, blasKernel: BLAS.kernelName)
            }
        }
    }

    /// Memory in use after one query.
    private func memory(_ snapshot: Snapshot) -> DatabaseInfo.Memory? {
        guard let row = (0..<snapshot.live.count).first(where: { snapshot.live[$0] }) else { return nil }
        var scratch = SearchScratch()
        _ = snapshot.index.search(
            StoredVectors.vector(snapshot.set, row: row), k: 10, ef: snapshot.defaultEf, scratch: &scratch)
        return ResidentMemory(mapping: path).map { .init(resident: $0.process, mapped: $0.file) }
    }
}

extension DatabaseSummary {
    init(reading transaction: borrowing ReadTransaction) throws {
        let state = try MetaRecords.state(transaction)
        cells = try MetaRecords.live(transaction, rows: state.rows).population
        dimension = state.embedding?.dimension
        model = try state.model.map { try ModelSummary(StoredModel.record($0, in: transaction)) }
    }
}

extension ModelSummary {
    init(_ record: ModelRecord) throws {
        let configuration = try record.architecture.configuration()
        self.init(
            name: record.name, sha256: record.sha256, isUntrained: record.untrainedSeed != nil,
            kind: record.isV2 ? "Geneformer V2" : "Geneformer V1", layers: configuration.layerCount,
            hiddenSize: configuration.hiddenSize, heads: configuration.headCount,
            vocabularySize: record.vocabularyCount, maximumLength: configuration.maximumLength,
            parameters: configuration.parameterCount)
    }
}

extension GeneEmbeddingsInfo {
    /// nil if there are none, or they are damaged: then they are computed when they are asked for.
    init?(state: DatabaseState, live: Bitmap, in transaction: borrowing ReadTransaction) throws {
        guard let record = try? StoredGenes.record(.visible, in: transaction), record.rows <= state.rows,
            let counted = try? StoredGenes.counted(record, .visible, in: transaction)
        else { return nil }
        genes = record.groups[0].genes
        cells = record.groups[0].cells
        outdated = (0..<state.rows).count { counted[$0] != live[$0] }
        groupedBy = record.column
        groups = record.groups.dropFirst().map { ($0.value ?? "", $0.cells, $0.genes) }
    }
}
