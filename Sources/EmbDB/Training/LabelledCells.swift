internal import CellTransformer
internal import Numerics
internal import Tokenizers

/// What a classifier learns from: things that have a class, which are cells or genes, and the cells where they are seen.
struct LabelledCells {
    /// Cells as the model reads them.
    let cells: CorpusCells
    let task: TrainingTask
    /// Names of the classes, sorted.
    let classes: [String]
    /// Class of each thing.
    let truth: [Int]
    /// Cell ids, or Ensembl ids, of the things.
    let names: [String]
    /// What may not be divided between learning and testing; nil: nothing.
    let groups: [Int]?
    /// Classes that were too small, with their sizes.
    let leftOut: [String: Int]
    /// By cell: the things seen in it.
    private let thingsOfCell: [[Int32]]
    /// By token: the gene's thing, −1 for others; empty where things are cells.
    private let thingOfToken: [Int32]

    /// Cells by the value of an obs column.
    ///
    /// - Parameters:
    ///   - labels, groups: by cell, as are `ids`.
    /// - Throws: ``EmbDBError/Code/nothingFound`` if fewer than two classes are large enough.
    init(
        _ corpus: Corpus, encoder: RankValueEncoder, labels: [String], ids: [String], groups: [String]?,
        options: FinetuneOptions
    ) throws {
        let kept = try ClassChoice(labels, minimum: options.minimumOfClass, what: "cells")
        var chosen = labels.indices.filter { kept.number[labels[$0]] != nil }
        if let limit = options.maximumOfClass {
            var random = SeededRandom(seed: options.seed)
            chosen = kept.classes.flatMap { name in
                let members = chosen.filter { labels[$0] == name }
                return random.sample(limit, of: members.count).map { members[$0] }
            }.sorted()
        }
        cells = CorpusCells(chosen.map { corpus.parts[0][$0] }, of: corpus, encoder: encoder)
        task = .cells
        classes = kept.classes
        truth = chosen.map { kept.number[labels[$0]] ?? 0 }
        names = chosen.map { ids[$0] }
        leftOut = kept.leftOut
        thingsOfCell = chosen.indices.map { [Int32($0)] }
        thingOfToken = []
        self.groups = groups.map { groups in
            let number = Dictionary(
                Set(chosen.map { groups[$0] }).sorted().enumerated().map { ($1, $0) }, uniquingKeysWith: { a, _ in a })
            return chosen.map { number[groups[$0]] ?? 0 }
        }
    }

    /// Genes of a table, where they are among what the model reads of the corpus's cells.
    ///
    /// - Parameter labels: class by token.
    init(
        _ corpus: Corpus, encoder: RankValueEncoder, labels: [UInt32: String], options: FinetuneOptions,
        control: Control
    ) throws {
        let all = CorpusCells(corpus.parts[0], of: corpus, encoder: encoder)
        var seen: Set<UInt32> = []
        var genesOfCell: [[UInt32]] = []
        for cell in 0..<all.count {
            if cell % 256 == 0 {
                try control.checkCancelled("stopped; nothing was written")
                control.progress(.init(unit: "cells", phase: "looking for genes", done: cell, total: all.count))
            }
            let genes = try all.tokens(cell).filter { labels[$0] != nil }
            seen.formUnion(genes)
            genesOfCell.append(genes)
        }
        let kept = try ClassChoice(
            seen.sorted().compactMap { labels[$0] }, minimum: options.minimumOfClass, what: "genes that the cells have")
        let genes = seen.sorted().filter { labels[$0].flatMap { kept.number[$0] } != nil }
        var thingOfToken = [Int32](repeating: -1, count: encoder.vocabulary.count)
        for (thing, token) in genes.enumerated() { thingOfToken[Int(token)] = Int32(thing) }
        let chosen = genesOfCell.indices.filter { genesOfCell[$0].contains { thingOfToken[Int($0)] >= 0 } }
        cells = CorpusCells(chosen.map { corpus.parts[0][$0] }, of: corpus, encoder: encoder)
        task = .genes
        classes = kept.classes
        truth = genes.map { labels[$0].flatMap { kept.number[$0] } ?? 0 }
        names = genes.map { encoder.vocabulary.entry($0)?.id ?? "" }
        leftOut = kept.leftOut
        groups = nil
        thingsOfCell = chosen.map { cell in genesOfCell[cell].map { thingOfToken[Int($0)] }.filter { $0 >= 0 } }
        self.thingOfToken = thingOfToken
    }

    /// Things of each class.
    var counts: [Int] {
        var counts = [Int](repeating: 0, count: classes.count)
        for label in truth { counts[label] += 1 }
        return counts
    }

    /// Cells in which some of the things are seen, at most `limit` of them, drawn by the seed.
    func cells(with isChosen: [Bool], atMost limit: Int, seed: UInt64) -> [Int] {
        let found = thingsOfCell.indices.filter { cell in thingsOfCell[cell].contains { isChosen[Int($0)] } }
        guard found.count > limit, case .genes = task else { return found }
        var random = SeededRandom(seed: seed)
        return random.sample(limit, of: found.count).map { found[$0] }
    }

    /// A cell with the chosen things as its targets, and which these are.
    func example(
        _ cell: Int, _ isChosen: [Bool], weights: [Float]
    ) throws -> (example: TrainingExample, things: [Int]) {
        let tokens = try cells.tokens(cell)
        var positions: [Int] = []
        var things: [Int] = []
        if case .genes = task {
            for (position, token) in tokens.enumerated() {
                let thing = Int(thingOfToken[Int(token)])
                guard thing >= 0, isChosen[thing] else { continue }
                positions.append(position)
                things.append(thing)
            }
        } else {
            positions = [0]
            things = [Int(thingsOfCell[cell][0])]
        }
        return (
            TrainingExample(
                tokens: tokens, positions: positions, labels: things.map { truth[$0] },
                weights: things.map { weights[truth[$0]] }), things
        )
    }

    /// By class: what makes all classes count alike over `cells`; ones if they need not.
    func weights(_ rule: FinetuneOptions.ClassWeights, cells: [Int], _ isChosen: [Bool]) -> [Float] {
        guard rule == .balanced else { return Array(repeating: 1, count: classes.count) }
        var counts = [Int](repeating: 0, count: classes.count)
        for cell in cells {
            for thing in thingsOfCell[cell] where isChosen[Int(thing)] { counts[truth[Int(thing)]] += 1 }
        }
        let all = Float(counts.reduce(0, +))
        return counts.map { $0 == 0 ? 0 : all / (Float(classes.count) * Float($0)) }
    }
}

/// The classes that are large enough, numbered by name, so that the numbering is the same in every run.
struct ClassChoice {
    let classes: [String]
    let number: [String: Int]
    let leftOut: [String: Int]

    /// - Throws: ``EmbDBError/Code/nothingFound`` if fewer than two are left.
    init(_ labels: [String], minimum: Int, what: String) throws(EmbDBError) {
        let counts = Dictionary(labels.map { ($0, 1) }, uniquingKeysWith: +)
        classes = counts.filter { $0.value >= minimum }.keys.sorted()
        leftOut = counts.filter { $0.value < minimum }
        number = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        guard classes.count >= 2 else {
            throw EmbDBError(
                .nothingFound,
                "fewer than two classes have \(minimum) \(what) (\(counts.isEmpty ? "there are none" : Self.listed(counts))): "
                    + "take another column or table, more cells, or a lower --min-of-class")
        }
    }

    /// The largest five with their sizes, for messages: there may be thousands.
    static func listed(_ counts: [String: Int]) -> String {
        let largest = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5)
        return largest.map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
            + (counts.count > 5 ? " and \(counts.count - 5) more" : "")
    }
}
