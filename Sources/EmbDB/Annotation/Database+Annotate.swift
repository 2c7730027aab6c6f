internal import AnnData
internal import Foundation
internal import HNSW
internal import LMDBStore
internal import Numerics

extension Database {
    /// Labels the cells of a file by the labels of their nearest stored cells, or by the classes of the database's model.
    ///
    /// A cell whose nearest stored cell is farther than is usual between stored cells is marked as unknown; its label is
    /// the vote all the same. Nothing is stored. A cell of the file that is in the database too is its own neighbor.
    ///
    /// - Parameters:
    ///   - file: the cells, embedded as an ingest would.
    ///   - options: which labels, and how neighbors vote.
    ///   - target: an .h5ad to write: a copy of the file with obs columns `embdb_LABEL`, `embdb_LABEL_confidence`,
    ///     `embdb_LABEL_runner_up` for each label, `embdb_nearest_distance` and `embdb_unknown`, and the embeddings in
    ///     obsm as `X_embdb`. Cells that were left out have missing values there. Where the file is no .h5ad, a new one
    ///     with these alone. A file that is there is replaced only if it is such a copy.
    ///   - control: told of every cell and asked whether to stop.
    /// - Throws: ``EmbDBError`` `usage` for a column that is not there or holds no labels, `input`, `expression`,
    ///   `nothingFound`, `storage`, `cancelled`, `corrupted`.
    /// - Complexity: memory for one batch of embeddings and one answer a cell.
    public func annotate(
        _ file: QueryFile, options: AnnotateOptions, writingTo target: String? = nil, control: Control = Control()
    ) throws(EmbDBError) -> Annotation {
        try withEmbDBErrors {
            if let target {
                try OutputFile.refuseDatabase(target)
                guard !OutputFile.isSamePlace(target, file.path) else {
                    throw EmbDBError(.usage, "the file to write is the one to read (\(target)): name another")
                }
                try ReplacedH5AD.check(target, for: .annotatedCopy)
                // Nobody wants to hear after hours that there is no such folder.
                _ = try ReplacedFile(target)
            }
            return try annotate(file, options, target, control)
        }
    }

    private func annotate(
        _ file: QueryFile, _ options: AnnotateOptions, _ target: String?, _ control: Control
    ) throws -> Annotation {
        guard options.k >= 1 else { throw EmbDBError(.usage, "k is \(options.k): give a whole number from 1") }
        return try environment.read { transaction in
            let snapshot = try Snapshot(transaction, path: path)
            var columns: [LabelColumn] = []
            for name in options.labels {
                columns.append(try LabelColumn(name, snapshot, path: path, in: transaction))
            }
            let isWhole = snapshot.live.population == snapshot.live.count
            let keeping = isWhole ? nil : snapshot.live
            let ef = options.ef ?? snapshot.defaultEf
            let vote = LabelVote(rule: options.vote)
            var cells = try FileCells(
                file, edit: GeneEdit(), threads: options.threads, snapshot, path: path, control: control,
                in: transaction)
            let classes = try options.labels.isEmpty ? CellClasses(cells.model, path: path) : nil
            var spilled: SpilledVectors?
            if let target {
                _ = try H5ADWriter.canCopy(file.path)
                spilled = try SpilledVectors(
                    beside: target, cellCount: cells.source.cellCount, dimension: snapshot.settings.dimension)
            }
            let threshold = try UnknownThreshold.learn(
                snapshot, keeping: keeping, seed: options.seed, ef: ef, threads: options.threads, control: control)
            var annotated: [Annotation.Cell] = []
            while let batch = try cells.nextBatch(control: control) {
                let answers = snapshot.index.search(
                    queries: batch.vectors, k: min(options.k, snapshot.state.rows), ef: ef, keeping: keeping,
                    threads: options.threads)
                let found = try classes?.probabilities(batch.inputs, threads: options.threads, control: control)
                for (index, answer) in answers.enumerated() {
                    let nearest = answer.neighbors.first?.distance ?? .infinity
                    let probabilities = found.map { Array($0[row: index]) } ?? []
                    annotated.append(
                        Annotation.Cell(
                            cell: batch.names[index], row: batch.rows[index],
                            decisions: classes.map { [$0.decision(probabilities)] }
                                ?? columns.map { vote.decide(answer.neighbors, $0, snapshot.set.metric) },
                            nearestDistance: nearest, isUnknown: threshold.map { nearest > $0 } ?? false,
                            probabilities: probabilities))
                }
                try spilled?.add(batch)
            }
            try cells.finish(control: control)
            let annotation = Annotation(
                labels: classes == nil ? options.labels : [CellClasses.name], classes: classes?.names ?? [],
                cells: annotated, cellsWithoutKnownGene: cells.withoutKnownGene,
                unknownBeyond: threshold,
                model: try snapshot.model.map { try ModelSummary(StoredModel.record($0, in: transaction)) })
            if let target, let spilled {
                try AnnotatedFile(annotation, spilled).write(from: cells.source, to: target, control: control)
            }
            return annotation
        }
    }
}
