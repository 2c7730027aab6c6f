internal import AnnData
internal import CellTransformer
internal import Dispatch
internal import Foundation
internal import Tokenizers

/// One fine-tuning: from files and labels to a cross-validation, to a classifier, to a model folder.
struct FinetuneRun {
    private let options: FinetuneOptions
    private let control: Control
    private let folder: TrainingFolder
    private let start: EmbeddingModel
    private let encoder: RankValueEncoder
    private let sources: [CellSource]
    private let ingestOptions: IngestOptions
    private let began = DispatchTime.now()

    /// Opens files and folder and makes all choices; learns nothing yet.
    init(
        _ files: [String], from model: String, into path: String, options: FinetuneOptions, control: Control
    ) throws {
        try options.check()
        self.options = options
        self.control = control
        let start = try ModelFolder.load(model, dictionaries: options.dictionaries, warning: control.warning)
        self.start = start
        guard options.freezeLayers <= start.configuration.layerCount else {
            throw EmbDBError(
                .usage,
                "--freeze-layers \(options.freezeLayers): the model has \(start.configuration.layerCount) layers: give no more")
        }
        let length = options.length ?? start.configuration.maximumLength
        guard length <= start.configuration.maximumLength else {
            throw EmbDBError(
                .usage, "--length \(length): the model reads \(start.configuration.maximumLength) tokens at most: give no more")
        }
        let encoder = try RankValueEncoder(vocabulary: start.vocabulary, maximumLength: length)
        self.encoder = encoder
        ingestOptions = options.corpus.ingestOptions(seed: options.seed, threads: options.threads)
        let ingestOptions = ingestOptions
        var sources = try files.map {
            try CellSource(path: $0, options: ingestOptions, reading: .counts(encoder), isHashed: false, control: control)
        }
        sources.drawSample(ingestOptions)
        self.sources = sources
        folder = try TrainingFolder(path)
        guard folder.state == .new else {
            throw EmbDBError(.usage, "there is a trained or an unfinished model in the folder (\(path)): name a new folder")
        }
    }

    func perform() throws -> FinetuneReport {
        let data: LabelledCells
        switch options.task {
        case .cell(let label): data = try labelledCells(label)
        case .gene(let path): data = try labelledGenes(path)
        }
        for (name, count) in data.leftOut.sorted(by: { $0.key < $1.key }) {
            control.warning("class \(name) has \(count), fewer than --min-of-class \(options.minimumOfClass), and is left out")
        }
        let parts = options.folds == 1 ? max(2, Int((1 / options.holdOut).rounded())) : options.folds
        let folds = try split(data, Array(repeating: true, count: data.truth.count), into: parts, seed: options.seed)
        var tested: [TestedFold] = []
        var fits: [ClassifierFit.Result] = []
        for fold in 0..<(options.folds == 1 ? 1 : parts) {
            let name = options.folds == 1 ? "one split" : "fold \(fold + 1) of \(parts)"
            let fit = ClassifierFit(data: data, options: options, control: control, name: name)
            let result = try learn(fit, from: folds.map { $0 != fold })
            let found = try fit.predict(result.weights, folds.map { $0 == fold })
            tested.append(
                TestedFold(
                    things: found.things,
                    predictions: try ClassifierPredictions(
                        truth: found.things.map { data.truth[$0] }, probabilities: found.probabilities,
                        classes: data.classes)))
            fits.append(result)
        }
        if options.folds > 1 {
            let fit = ClassifierFit(data: data, options: options, control: control, name: "all of them")
            fits.append(try learn(fit, from: folds.map { _ in true }))
        }
        try write(data, tested, fits)
        return try report(data, tested, fits)
    }

    /// Learns from the things of `isUsed`, but for a part that says when to stop.
    private func learn(_ fit: ClassifierFit, from isUsed: [Bool]) throws -> ClassifierFit.Result {
        let parts = max(2, Int((1 / options.validation).rounded()))
        let watched = try split(fit.data, isUsed, into: parts, seed: options.seed &+ 1)
        let heads = BertHeads(pooler: fit.data.task.isOfCells, labels: fit.data.classes.count)
        return try fit.learn(
            BertWeights(encoderOf: start.weights, heads: heads, seed: options.seed),
            isUsed.indices.map { isUsed[$0] && watched[$0] != 0 }, stoppingBy: isUsed.indices.map { isUsed[$0] && watched[$0] == 0 })
    }

    /// The part of each thing of `isUsed`, −1 for others.
    private func split(
        _ data: LabelledCells, _ isUsed: [Bool], into parts: Int, seed: UInt64
    ) throws -> [Int] {
        let used = isUsed.indices.filter { isUsed[$0] }
        var groups: [Int]?
        if let all = data.groups {
            let present = Set(used.map { all[$0] }).sorted()
            guard present.count >= 2 else {
                throw EmbDBError(
                    .usage,
                    "--group \(options.group ?? ""): there are too few values to divide: leave it out, or give more of them")
            }
            let number = Dictionary(present.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            groups = used.map { number[all[$0]] ?? 0 }
        }
        if let groups, options.folds > 1, parts == options.folds, let last = groups.max(), last + 1 < parts {
            throw EmbDBError(
                .usage,
                "--folds \(parts): there are \(last + 1) values of \(options.group ?? "") to divide: give at most so many folds")
        }
        let parts = groups.map { min(parts, ($0.max() ?? 0) + 1) } ?? parts
        let folds = Folds.assign(classes: used.map { data.truth[$0] }, groups: groups, to: parts, seed: seed)
        var result = [Int](repeating: -1, count: isUsed.count)
        for (place, thing) in used.enumerated() { result[thing] = folds[place] }
        return result
    }

    // MARK: What is learned from

    private func labelledCells(_ label: String) throws -> LabelledCells {
        let columns = try sources.map { try ObsLabels(label, option: "--label", of: $0) }
        let groupColumns = try options.group.map { name in try sources.map { try ObsLabels(name, option: "--group", of: $0) } }
        var (labels, groups, ids): ([String], [String], [String]) = ([], [], [])
        let corpus = try Corpus(
            sources, encoder: encoder, parts: 1, options: ingestOptions, folder: folder.path, control: control
        ) { source, row, id in
            guard let label = columns[source][row] else { return nil }
            if let groupColumns {
                guard let group = groupColumns[source][row] else { return nil }
                groups.append(group)
            }
            labels.append(label)
            ids.append(id)
            return 0
        }
        warn(corpus)
        return try LabelledCells(
            corpus, encoder: encoder, labels: labels, ids: ids, groups: options.group == nil ? nil : groups, options: options)
    }

    private func labelledGenes(_ path: String) throws -> LabelledCells {
        if options.group != nil {
            throw EmbDBError(.usage, "--group: with --task gene it is genes that are divided: leave it out")
        }
        let table = try GeneClasses(path, vocabulary: encoder.vocabulary)
        if !table.unknown.isEmpty {
            control.warning(
                "genes that are not in the model's vocabulary are left out (\(table.unknown.count)): "
                    + "\(table.unknown.prefix(5).joined(separator: ", "))\(table.unknown.count > 5 ? ", …" : "") (\(path))")
        }
        let corpus = try Corpus(
            sources, encoder: encoder, parts: 1, options: ingestOptions, folder: folder.path, control: control
        ) { _, _, _ in 0 }
        warn(corpus)
        return try LabelledCells(corpus, encoder: encoder, labels: table.classes, options: options, control: control)
    }

    private func warn(_ corpus: Corpus) {
        guard corpus.withoutKnownGene > 0 else { return }
        control.warning("\(corpus.withoutKnownGene) cells have no gene that the model knows and are left out")
    }

    // MARK: What comes out

    private func write(_ data: LabelledCells, _ tested: [TestedFold], _ fits: [ClassifierFit.Result]) throws {
        var log = TabSeparated.row([
            "fold", "epoch", "step", "loss", "learning_rate", "validation_loss", "validation_accuracy",
        ])
        for (number, fit) in fits.enumerated() {
            let name = number < tested.count ? String(number + 1) : "all"
            for row in fit.rows {
                let watched = row.watched.map { [$0.loss, $0.accuracy] }?.map { String(format: "%.5f", $0) } ?? ["", ""]
                log += TabSeparated.row(
                    [
                        name, String(row.epoch), String(row.step), String(format: "%.5f", row.loss),
                        String(format: "%.6e", row.rate),
                    ] + watched)
            }
        }
        try folder.text(log, "training.tsv")
        try EvaluationFiles(tested, names: data.names, what: data.task.isOfCells ? "cell" : "gene").write { name, text in
            try folder.text(text, name)
        }
        guard let last = fits.last else { return }
        try folder.finish(
            last.weights, task: data.task, vocabulary: start.vocabulary, labels: data.classes,
            dropout: Float(options.dropout), key: "fine-tuned")
    }

    private func report(
        _ data: LabelledCells, _ tested: [TestedFold], _ fits: [ClassifierFit.Result]
    ) throws -> FinetuneReport {
        let folds = tested.map { ClassifierScores($0.predictions) }
        guard let summary = FoldSummary(folds) else {
            throw EmbDBError(.nothingFound, "nothing was tested: give more cells")
        }
        var counts = [Int](repeating: 0, count: data.classes.count)
        for label in data.truth { counts[label] += 1 }
        return FinetuneReport(
            model: try ModelFolder.load(folder.path, dictionaries: nil, warning: control.warning).summary,
            task: data.task.isOfCells ? "cell" : "gene", classes: data.classes, counts: counts, cells: data.cells.count,
            leftOut: data.leftOut, folds: folds, summary: summary, epochs: fits.map(\.epochs),
            seconds: Double(DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds) * 1e-9)
    }
}

extension TrainingTask {
    var isOfCells: Bool { if case .cells = self { true } else { false } }
}
