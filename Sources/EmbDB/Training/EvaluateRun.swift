internal import AnnData
internal import CellTransformer
internal import Dispatch
internal import Numerics
internal import Tokenizers

/// One evaluation: labelled cells, or genes, go through a classifier, block by block.
struct EvaluateRun {
    private let options: EvaluateOptions
    private let control: Control
    private let model: EmbeddingModel
    private let classifier: BertClassifier
    private let sources: [CellSource]
    private let ingestOptions: IngestOptions
    private let began = DispatchTime.now()

    /// Cells that are classified at once.
    private static let cellsAtOnce = 64

    init(_ files: [String], of path: String, options: EvaluateOptions, control: Control) throws {
        self.options = options
        self.control = control
        let model = try ModelFolder.load(path, dictionaries: options.dictionaries, warning: control.warning)
        self.model = model
        guard let classifier = BertClassifier(model.weights, threads: options.threads) else {
            throw EmbDBError(
                .model,
                "the model is no classifier (\(path)): give a folder that model finetune made, or another classifier")
        }
        self.classifier = classifier
        switch (options.task, classifier.isOfCells) {
        case (.cell, false):
            throw EmbDBError(.usage, "the model tells genes apart (\(path)): give --classes instead of --label")
        case (.gene, true):
            throw EmbDBError(.usage, "the model tells cells apart (\(path)): give --label instead of --classes")
        default: break
        }
        ingestOptions = options.corpus.ingestOptions(seed: options.seed, threads: options.threads)
        let ingestOptions = ingestOptions
        var sources = try files.map {
            try CellSource(
                path: $0, options: ingestOptions, reading: .counts(model.encoder), isHashed: false, control: control)
        }
        sources.drawSample(ingestOptions)
        self.sources = sources
    }

    /// - Parameter write: called with name and text of every table and figure.
    func perform(write: (String, String) throws -> Void) throws -> EvaluationReport {
        var found = Found(classes: model.labels)
        switch options.task {
        case .cell(let label): try classifyCells(label, &found)
        case .gene(let path): try classifyGenes(path, &found)
        }
        if !found.leftOut.isEmpty {
            control.warning("labels that are no class of the model are left out: " + ClassChoice.listed(found.leftOut))
        }
        guard !found.truth.isEmpty else {
            throw EmbDBError(
                .nothingFound,
                "nothing to evaluate: no label is a class of the model, which are \(model.labels.joined(separator: ", "))"
            )
        }
        let predictions = try ClassifierPredictions(
            truth: found.truth, probabilities: found.probabilities, classes: model.labels)
        let what = classifier.isOfCells ? "cell" : "gene"
        let fold = TestedFold(things: Array(found.truth.indices), predictions: predictions)
        try EvaluationFiles([fold], names: found.names, what: what).write(write)
        return EvaluationReport(
            model: model.summary, task: what, scores: ClassifierScores(predictions),
            calibration: Calibration(predictions), leftOut: found.leftOut,
            seconds: Double(DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds) * 1e-9)
    }

    /// What was classified so far.
    private struct Found {
        private let number: [String: Int]
        private(set) var truth: [Int] = []
        private(set) var names: [String] = []
        private(set) var leftOut: [String: Int] = [:]
        var probabilities: [Float] = []

        init(classes: [String]) {
            number = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        }

        /// Whether the label is a class of the model; then its probabilities are to follow.
        mutating func add(_ name: String, label: String) -> Bool {
            guard let number = number[label] else {
                leftOut[label, default: 0] += 1
                return false
            }
            truth.append(number)
            names.append(name)
            return true
        }
    }

    /// Calls `body` with the tokens of the selected cells, source by source.
    private func forEachCell(_ body: (_ source: Int, _ row: Int, _ id: String, _ tokens: [UInt32]) throws -> Void)
        throws
    {
        let total = sources.reduce(0) { $0 + $1.selected.population }
        var done = 0
        for (number, source) in sources.enumerated() {
            let blocks = try BlockReader(source, .counts(model.encoder), metric: .cosine, options: ingestOptions)
                .ahead()
            while let block = try blocks.next() {
                for (offset, row) in block.rows.enumerated() where source.selected[row] {
                    try control.checkCancelled("stopped")
                    if let cell = block.cells[offset] { try body(number, row, block.ids[offset], cell.input.tokens) }
                    done += 1
                    control.progress(.init(unit: "cells", phase: "classifying", done: done, total: total))
                }
            }
        }
    }

    private func classifyCells(_ label: String, _ found: inout Found) throws {
        let columns = try sources.map { try ObsLabels(label, option: "--label", of: $0) }
        var waiting: [[UInt32]] = []
        func classify(_ found: inout Found) throws {
            found.probabilities += try classifier.probabilities(waiting, positions: waiting.map { _ in [0] }).values
            waiting.removeAll()
        }
        try forEachCell { source, row, id, tokens in
            guard let label = columns[source][row], found.add(id, label: label) else { return }
            waiting.append(tokens)
            if waiting.count == Self.cellsAtOnce { try classify(&found) }
        }
        try classify(&found)
    }

    /// Of a gene the mean over all cells that have it.
    private func classifyGenes(_ path: String, _ found: inout Found) throws {
        let table = try GeneClasses(path, vocabulary: model.vocabulary)
        table.warnOfUnknown(control)
        var means = MeanProbabilities(things: model.vocabulary.count, labels: classifier.labelCount)
        var waiting: [[UInt32]] = []
        func classify() throws {
            let positions = waiting.map { cell in cell.indices.filter { table.classes[cell[$0]] != nil } }
            means.add(
                try classifier.probabilities(waiting, positions: positions),
                of: zip(waiting, positions).flatMap { cell, places in places.map { Int(cell[$0]) } })
            waiting.removeAll()
        }
        try forEachCell { _, _, _, tokens in
            guard tokens.contains(where: { table.classes[$0] != nil }) else { return }
            waiting.append(tokens)
            if waiting.count == Self.cellsAtOnce { try classify() }
        }
        try classify()
        for thing in means.things {
            let token = UInt32(thing)
            guard let label = table.classes[token],
                found.add(model.vocabulary.entry(token)?.id ?? "", label: label)
            else { continue }
            found.probabilities += means.mean(thing)
        }
    }
}
