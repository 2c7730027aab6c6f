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
                "--freeze-layers \(options.freezeLayers): the model has \(start.configuration.layerCount) layers: give no more"
            )
        }
        let length = options.length ?? start.configuration.maximumLength
        guard length <= start.configuration.maximumLength else {
            throw EmbDBError(
                .usage,
                "--length \(length): the model reads \(start.configuration.maximumLength) tokens at most: give no more")
        }
        guard length > start.vocabulary.specialsPerCell else {
            throw EmbDBError(
                .usage,
                "--length \(length): the model's special tokens alone are \(start.vocabulary.specialsPerCell): give more"
            )
        }
        if case .gene(let table) = options.task, OutputFile.isSamePlace(table, path + "/classes.tsv") {
            throw EmbDBError(
                .usage, "--classes: the folder's classes.tsv is written over the table (\(table)): name another folder")
        }
        let encoder = try RankValueEncoder(vocabulary: start.vocabulary, maximumLength: length)
        self.encoder = encoder
        ingestOptions = options.corpus.ingestOptions(seed: options.seed, threads: options.threads)
        let ingestOptions = ingestOptions
        var sources = try files.map {
            try CellSource(
                path: $0, options: ingestOptions, reading: .counts(encoder), isHashed: false, control: control)
        }
        sources.drawSample(ingestOptions)
        self.sources = sources
        folder = try TrainingFolder(path)
        guard folder.state == .new else {
            throw EmbDBError(
                .usage, "there is a trained or an unfinished model in the folder (\(path)): name a new folder")
        }
    }

    func perform() throws -> FinetuneReport {
        let data: LabelledCells
        switch options.task {
        case .cell(let label): data = try labelledCells(label)
        case .gene(let path): data = try labelledGenes(path)
        }
        if !data.leftOut.isEmpty {
            control.warning(
                "classes with fewer than --min-of-class \(options.minimumOfClass) are left out: "
                    + ClassChoice.listed(data.leftOut))
        }
        let split = ClassifierSplit(data: data, options: options)
        try split.check(control)
        let (folds, parts) = try split.folds()
        var tested: [TestedFold] = []
        var fits: [ClassifierFit.Result] = []
        for fold in parts {
            let name = options.folds == 1 ? "one split" : "fold \(fold + 1) of \(parts.count)"
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
        warn("nothing was tested of", data, lacking: Set(tested.flatMap(\.predictions.truth)))
        if options.folds > 1 {
            let fit = ClassifierFit(data: data, options: options, control: control, name: "all of them")
            fits.append(try learn(fit, from: folds.map { _ in true }))
        }
        try write(data, tested, fits)
        return try report(data, tested, fits)
    }

    /// Learns from the things of `isUsed`, but for a part that says when to stop.
    private func learn(_ fit: ClassifierFit, from isUsed: [Bool]) throws -> ClassifierFit.Result {
        let isWatched = try ClassifierSplit(data: fit.data, options: options).watched(of: isUsed)
        let isLearned = zip(isUsed, isWatched).map { $0 && !$1 }
        let learned = Set(isLearned.indices.filter { isLearned[$0] }.map { fit.data.truth[$0] })
        warn("there is nothing to learn from (\(fit.name)) of", fit.data, lacking: learned)
        let heads = BertHeads(pooler: fit.data.task.isOfCells, labels: fit.data.classes.count)
        return try fit.learn(
            BertWeights(
                encoderOf: start.weights, heads: heads, maximumLength: encoder.maximumLength, seed: options.seed),
            isLearned, stoppingBy: isWatched)
    }

    /// A group may hold all cells of a class, and a small class is not in every part.
    private func warn(_ text: String, _ data: LabelledCells, lacking present: Set<Int>) {
        let lacking = data.classes.indices.filter { !present.contains($0) }
        guard !lacking.isEmpty else { return }
        let counts = data.counts
        control.warning(
            "\(text) some classes, what is said of them means nothing: "
                + ClassChoice.listed(Dictionary(uniqueKeysWithValues: lacking.map { (data.classes[$0], counts[$0]) })))
    }

    // MARK: What is learned from

    private func labelledCells(_ label: String) throws -> LabelledCells {
        let columns = try sources.map { try ObsLabels(label, option: "--label", of: $0) }
        let groupColumns = try options.group.map { name in
            try sources.map { try ObsLabels(name, option: "--group", of: $0) }
        }
        var (labels, groups, ids): ([String], [String], [String]) = ([], [], [])
        var withoutGroup = 0
        let corpus = try Corpus(
            sources, encoder: encoder, parts: 1, options: ingestOptions, folder: folder.path, control: control
        ) { source, row, id in
            guard let label = columns[source][row] else { return nil }
            if let groupColumns {
                guard let group = groupColumns[source][row] else {
                    withoutGroup += 1
                    return nil
                }
                groups.append(group)
            }
            labels.append(label)
            ids.append(id)
            return 0
        }
        warn(corpus)
        let again = ids.count - Set(ids).count
        if again > 0 {
            control.warning(
                "\(again) cells have an id that another one has: if they are the same cells, the test is told what it asks"
            )
        }
        if withoutGroup > 0 {
            control.warning("\(withoutGroup) cells have no value of \(options.group ?? "") and are left out")
        }
        return try LabelledCells(
            corpus, encoder: encoder, labels: labels, ids: ids, groups: options.group == nil ? nil : groups,
            options: options)
    }

    private func labelledGenes(_ path: String) throws -> LabelledCells {
        if options.group != nil {
            throw EmbDBError(.usage, "--group: with --task gene it is genes that are divided: leave it out")
        }
        let table = try GeneClasses(path, vocabulary: encoder.vocabulary)
        table.warnOfUnknown(control)
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
        try folder.text(ClassifierFit.log(fits, tested: tested.count), "training.tsv")
        try EvaluationFiles(tested, names: data.names, what: data.task.isOfCells ? "cell" : "gene").write {
            name, text in
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
        guard let summary = FoldSummary(folds), let all = try TestedFold.pooled(tested) else {
            throw EmbDBError(.nothingFound, "nothing was tested: give more cells")
        }
        return FinetuneReport(
            model: try ModelFolder.load(folder.path, dictionaries: nil, warning: control.warning).summary,
            task: data.task.isOfCells ? "cell" : "gene", classes: data.classes, counts: data.counts,
            cells: data.cells.count, leftOut: data.leftOut, folds: folds, summary: summary,
            calibration: Calibration(all), epochs: fits.map(\.epochs),
            seconds: Double(DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds) * 1e-9)
    }
}

extension TrainingTask {
    var isOfCells: Bool { if case .cells = self { true } else { false } }
}
