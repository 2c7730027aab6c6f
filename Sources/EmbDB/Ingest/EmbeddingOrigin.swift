internal import CellTransformer
internal import LMDBStore
internal import Tokenizers

/// What gives cells their embeddings: the model, from counts, or a matrix that comes with them.
enum EmbeddingOrigin {
    case model(EmbeddingModel)
    /// Rows of obsm/`key`.
    case obsm(key: String)

    var model: EmbeddingModel? { if case .model(let model) = self { model } else { nil } }

    var reading: CellReading {
        switch self {
        case .model(let model): .counts(model.encoder)
        case .obsm(let key): .vectors(key: key)
        }
    }

    /// What `options` ask for, as far as the database agrees.
    ///
    /// - Throws: ``EmbDBError`` `model`, `pendingIngest`, `usage`.
    init(
        _ database: Database?, _ path: String, _ state: DatabaseState, _ pending: PendingIngest?,
        _ options: IngestOptions, _ control: Control
    ) throws {
        // Nothing is visible yet, but what is under way has decided.
        if state.embedding == nil, let pending, !options.restart,
            (pending.state.model == nil) != (options.imported != nil)
        {
            throw pending.isInTheWay(of: state, path: path)
        }
        if let imported = options.imported {
            if let model = state.model {
                throw EmbDBError(
                    .model,
                    "the database holds embeddings of its model \(model.name) (\(path)): embeddings of two models cannot "
                        + "be compared, import into a new database")
            }
            self = .obsm(key: imported.key)
            return
        }
        if let embedding = state.embedding, state.model == nil {
            throw EmbDBError(
                .model,
                "the database holds imported embeddings\(embedding.obsm.map { " (obsm \($0))" } ?? "") and no model "
                    + "(\(path)): embeddings of two models cannot be compared, ingest into a new database")
        }
        self = .model(try Self.model(database, path, state, pending, options, control))
    }

    private static func model(
        _ database: Database?, _ path: String, _ state: DatabaseState, _ pending: PendingIngest?,
        _ options: IngestOptions, _ control: Control
    ) throws -> EmbeddingModel {
        let stored = state.model ?? (options.restart ? nil : pending?.state.model)
        guard let name = options.model else {
            guard let stored, let database else {
                throw EmbDBError(
                    .usage, "the database has no model yet (\(path)): give --model FOLDER, or --model default")
            }
            return try database.environment.read { try StoredModel.load(stored, in: $0) }
        }
        let model = try ModelFolder.load(name, dictionaries: options.dictionaries, warning: control.warning)
        if let stored, stored.sha256 != model.sha256 {
            if state.model == nil, let pending { throw pending.isInTheWay(of: state, path: path) }
            throw EmbDBError(
                .model,
                "the database has another model, \(stored.name) (sha256 \(stored.sha256.prefix(12)), \(model.name) is "
                    + "\(model.sha256.prefix(12))) (\(path)): leave --model out, or ingest into a new database")
        }
        return model
    }
}

extension EmbeddingSettings {
    /// Of embeddings by `model`.
    ///
    /// - Throws: ``EmbDBError/Code/usage`` where `options` and the database disagree.
    init(_ model: EmbeddingModel, _ state: DatabaseState, _ options: IngestOptions) throws {
        let layer = options.embed ?? state.embedding?.layer ?? .secondToLast
        let pooling = options.pool ?? state.embedding?.pooling ?? model.defaultPooling
        self.init(layer: layer, pooling: pooling, dimension: model.configuration.hiddenSize, metric: "cosine")
        if let stored = state.embedding, stored != self {
            throw EmbDBError(
                .usage,
                "the database's embeddings are of the \(stored.layer?.rawValue ?? "") layer by "
                    + "\(stored.pooling?.rawValue ?? ""), not the \(layer.rawValue) by \(pooling.rawValue): leave --embed "
                    + "and --pool out, or ingest into a new database")
        }
        if pooling == .cls, !model.vocabulary.isV2 {
            throw EmbDBError(.usage, "--pool cls: the model's vocabulary has no <cls> token: give --pool mean")
        }
    }

    /// Of the embeddings that come with `sources`.
    ///
    /// - Throws: ``EmbDBError`` `input` for sources of different dimensions, `usage` for another dimension or metric than
    ///   the database has.
    init(
        importedFrom sources: [CellSource], _ imported: IngestOptions.ImportedMatrix, _ state: DatabaseState,
        _ pending: PendingIngest?, path: String, control: Control
    ) throws {
        // What is under way counts while nothing is visible.
        let stored = state.embedding ?? pending?.state.embedding
        let metric = imported.metric?.rawValue ?? stored?.metric ?? EmbeddingMetric.cosine.rawValue
        if let known = state.embedding, known.metric != metric {
            throw EmbDBError(
                .usage,
                "the database measures by \(known.metric), not by \(metric) (\(path)): leave --metric out, or import into "
                    + "a new database")
        }
        var dimension = state.embedding?.dimension
        var origin = path
        for source in sources {
            guard let own = source.content.dimension else { continue }
            guard dimension ?? own == own else {
                throw EmbDBError(
                    state.embedding == nil ? .input : .usage,
                    "\(source.content.place) has \(own) dimensions (\(source.path)), the embeddings of \(origin) have "
                        + "\(dimension ?? 0): import embeddings of one model only")
            }
            if dimension == nil { (dimension, origin) = (own, source.path) }
        }
        if let key = state.embedding?.obsm, key != imported.key {
            control.warning(
                "the database's embeddings come from obsm \(key), these from \(imported.key): only embeddings of one "
                    + "model can be compared")
        }
        self.init(obsm: state.embedding?.obsm ?? imported.key, dimension: dimension ?? 1, metric: metric)
    }
}
