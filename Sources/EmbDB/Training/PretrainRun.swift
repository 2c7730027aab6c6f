internal import CellTransformer
internal import Checkpoints
internal import Dispatch
internal import Foundation
internal import Numerics
internal import Tokenizers

/// One pretraining: from files to cells on the disk, to a vocabulary, to steps, to a model folder.
struct PretrainRun {
    let options: PretrainOptions
    let control: Control
    let folder: TrainingFolder
    private var sources: [CellSource]
    /// The model that is gone on from.
    private let start: EmbeddingModel?
    /// What the files are read with.
    private let reading: RankValueEncoder
    private let ingestOptions: IngestOptions
    /// Which training this is: files, options and start.
    let key: String
    private let began = DispatchTime.now()

    /// Opens files and folder and makes all choices; learns nothing yet.
    init(_ files: [String], into path: String, options: PretrainOptions, control: Control) throws {
        try options.check()
        self.options = options
        self.control = control
        folder = try TrainingFolder(path)
        if !options.resume { try folder.refuseTraining() }
        start = try options.from.map {
            try ModelFolder.load($0, dictionaries: options.dictionaries, warning: control.warning)
        }
        let length = options.length ?? start?.configuration.maximumLength ?? 1024
        if let start, length > start.configuration.maximumLength {
            throw EmbDBError(
                .usage,
                "--length \(length): the model that is gone on from reads \(start.configuration.maximumLength) tokens at most: "
                    + "give no more")
        }
        if let start, start.weights.layout.head == nil {
            throw EmbDBError(
                .model, "the model has no masked-gene head to go on with (\(start.name)): give a pretrained model")
        }
        if let start, start.vocabulary.mask == nil {
            throw EmbDBError(.model, "the model's vocabulary has no <mask> (\(start.name)): give a pretrained model")
        }
        reading = try RankValueEncoder(
            vocabulary: start?.vocabulary ?? KnownGenes.vocabulary(), maximumLength: length)
        let reading = reading
        ingestOptions = options.corpus.ingestOptions(seed: options.seed, threads: options.threads)
        let ingestOptions = ingestOptions
        var sources = try files.map {
            try CellSource(path: $0, options: ingestOptions, reading: .counts(reading), control: control)
        }
        sources.drawSample(ingestOptions)
        self.sources = sources
        var hash = SHA256()
        hash.update("embdb pretraining 1")
        hash.update(options.text)
        hash.update(start?.sha256 ?? "new")
        for source in sources { hash.update(source.sha256) }
        key = hash.finish()
        // Before all cells are read for nothing; a vocabulary has three tokens at least.
        if start == nil { try Self.checkMemory(try configuration(vocabularySize: 3, padding: nil)) }
    }

    mutating func perform() throws -> PretrainReport {
        let words = try folder.words(of: key)
        if folder.state == .complete { return try completeReport() }
        folder.removePartialFiles()
        var heldOut: [(file: String, cell: String)] = []
        var corpus = try Corpus(
            sources, encoder: reading, parts: 2, minimumGenes: options.minimumGenes, options: ingestOptions,
            folder: folder.path, control: control
        ) { [sources] number, _, id in
            guard isHeldOut(id) else { return 0 }
            heldOut.append((sources[number].path, id))
            return 1
        }
        // A training may last for days, and each open file has a process and its obs in memory.
        sources = []
        try refuseNothing(corpus)
        let vocabulary = try start?.vocabulary ?? corpus.ownVocabulary(minimum: options.minimumCells)
        if start == nil {
            let kept = try corpus.leaveOutCells(withoutGenesOf: vocabulary)
            heldOut = zip(heldOut, kept[1]).filter(\.1).map(\.0)
            try refuseNothing(corpus)
        }
        let encoder = try RankValueEncoder(vocabulary: vocabulary, maximumLength: reading.maximumLength)
        let weights = try weights(vocabulary)
        let pretraining = try pretraining(corpus, encoder, weights)
        try writeHeldOut(heldOut)
        var session = try Session(folder, words, pretraining.training)
        var report = PretrainReport(
            model: try EmbeddingModel(
                name: "", weights: weights, vocabulary: vocabulary, untrainedSeed: nil, sha256: ""
            ).summary,
            genes: vocabulary.geneCount, cells: corpus.parts[0].count, heldOutCells: corpus.parts[1].count,
            cellsWithoutKnownGene: corpus.withoutKnownGene, steps: 0, epochs: 0, seconds: 0, wasResumed: words != nil,
            wasComplete: false)
        try learn(pretraining, &session, &report)
        try folder.finish(
            BertWeights(weights.configuration, copying: pretraining.training.parameters), task: .maskedGenes,
            vocabulary: vocabulary, dropout: Float(options.dropout),
            type: options.weights == .f32 ? .float32 : .float16, key: key)
        report.model = try ModelFolder.load(folder.path, dictionaries: nil, warning: control.warning).summary
        report.seconds = Double(DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds) * 1e-9
        return report
    }

    private func refuseNothing(_ corpus: Corpus) throws(EmbDBError) {
        guard corpus.parts[0].isEmpty else { return }
        throw EmbDBError(.nothingFound, "there is no cell to learn from: give more cells, or a smaller --hold-out")
    }

    private func completeReport() throws -> PretrainReport {
        let model = try ModelFolder.load(folder.path, dictionaries: nil, warning: control.warning)
        return PretrainReport(
            model: model.summary, genes: model.vocabulary.geneCount, cells: 0, heldOutCells: 0,
            cellsWithoutKnownGene: 0, steps: 0, epochs: 0, seconds: 0, wasResumed: false, wasComplete: true)
    }

    private func weights(_ vocabulary: Vocabulary) throws -> BertWeights {
        // Of other heads' weights nothing would be learned; they would decay.
        if let start { return try BertWeights(start.weights, heads: .languageModel) }
        let configuration = try configuration(
            vocabularySize: vocabulary.count, padding: vocabulary.pad.map { Int($0) })
        try Self.checkMemory(configuration)
        return BertWeights(configuration, seed: options.seed)
    }

    /// Of a new model.
    private func configuration(vocabularySize: Int, padding: Int?) throws(TransformerError) -> BertConfiguration {
        try BertConfiguration(
            vocabularySize: vocabularySize, hiddenSize: options.hiddenSize, layerCount: options.layerCount,
            headCount: options.headCount, feedForwardSize: options.feedForwardSize,
            maximumLength: reading.maximumLength, paddingToken: padding)
    }

    /// - Throws: ``EmbDBError/Code/memory`` for a model that this machine has no room for, as far as its parameters say.
    private static func checkMemory(_ configuration: BertConfiguration) throws(EmbDBError) {
        // Where it begins, what it has become, gradients and two moments.
        let needed = 5 * 4 * Double(configuration.parameterCount)
        let there = Double(ProcessInfo.processInfo.physicalMemory)
        guard needed > there else { return }
        throw EmbDBError(
            .memory,
            String(
                format:
                    "a model of %.3g parameters learns in %.3g GB of memory or more, this machine has %.3g: give a smaller "
                    + "--hidden, --feed-forward, --layers or --length", Double(configuration.parameterCount),
                needed * 1e-9,
                there * 1e-9))
    }

    private func pretraining(
        _ corpus: Corpus, _ encoder: RankValueEncoder, _ weights: BertWeights
    ) throws -> Pretraining<CorpusCells> {
        guard let mask = encoder.vocabulary.mask else { throw EmbDBError(.model, "the vocabulary has no <mask>") }
        let steps =
            options.steps
            ?? options.epochs
            * Pretraining<CorpusCells>.stepsOfEpoch(cells: corpus.parts[0].count, batchSize: options.batch)
        return Pretraining(
            CorpusCells(corpus.parts[0], of: corpus, encoder: encoder),
            heldOut: CorpusCells(corpus.parts[1], of: corpus, encoder: encoder),
            masking: GeneMasking(
                vocabularySize: weights.configuration.vocabularySize, mask: mask, pad: encoder.vocabulary.pad),
            training: ModelTraining(weights, task: .maskedGenes, options: options.training(steps: steps)),
            batchSize: options.batch, seed: options.seed)
    }

    /// By a hash of the id and the seed: a cell that is in two files is on the same side in both.
    private func isHeldOut(_ id: String) -> Bool {
        // FNV-1a, and a mixer for its weak upper bits.
        let hash = id.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return Double(SeededRandom.mixed(hash ^ SeededRandom.mixed(options.seed)) >> 11) * 0x1p-53 < options.holdOut
    }

    private func writeHeldOut(_ names: [(file: String, cell: String)]) throws(EmbDBError) {
        var file = try OutputFile(folder.heldOut)
        try file.write(TabSeparated.row(["file", "cell"]))
        for name in names { try file.write(TabSeparated.row([name.file, name.cell])) }
        try file.finish()
    }
}
