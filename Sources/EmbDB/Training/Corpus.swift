internal import AnnData
internal import CellTransformer
internal import Foundation
internal import Numerics
internal import Tokenizers

/// The cells that a model is made from, read once: they wait on the disk, ranked by count, until it is known by which
/// medians they are to be encoded.
struct Corpus {
    typealias Place = CorpusFile.Place

    private(set) var cells: [Place] = []
    private(set) var heldOut: [Place] = []
    /// File and id of each held-out cell.
    private(set) var heldOutNames: [(file: String, cell: String)] = []
    /// Cells that have no known gene.
    private(set) var withoutKnownGene = 0
    /// Of the cells that are not held out and have enough genes.
    private(set) var medians: GeneMedians
    let file: CorpusFile

    /// Reads the selected cells of all sources.
    ///
    /// - Parameters:
    ///   - encoder: whose vocabulary the sources were opened with.
    ///   - share: of cells that are held out, by a hash of the id and the seed: a cell that is in two files is on the same
    ///     side in both.
    ///   - minimumGenes: cells with fewer say nothing about medians.
    ///   - folder: where they wait.
    /// - Throws: as an ingest.
    init(
        _ sources: [CellSource], encoder: RankValueEncoder, heldOut share: Double, minimumGenes: Int,
        options: IngestOptions, folder: String, control: Control
    ) throws {
        file = try CorpusFile(in: folder, encoder.vocabulary)
        medians = GeneMedians(vocabularyCount: encoder.vocabulary.count)
        let total = sources.reduce(0) { $0 + $1.selected.population }
        var done = 0
        var ranking = RankedCell()
        for source in sources {
            let blocks = try BlockReader(source, .counts(encoder), metric: .cosine, options: options).ahead()
            while let block = try blocks.next() {
                try control.checkCancelled("stopped; nothing was written")
                var bytes: [UInt8] = []
                for (offset, row) in block.rows.enumerated() where source.selected[row] {
                    done += 1
                    guard let cell = block.cells[offset] else {
                        withoutKnownGene += 1
                        continue
                    }
                    try StoredCell.read(cell.stored.span.bytes, vocabularyCount: file.vocabulary.count, into: &ranking)
                    let place = Place(
                        offset: file.end + bytes.count, bytes: Int32(cell.stored.count),
                        genes: Int32(ranking.tokens.count))
                    bytes += cell.stored
                    if Self.isHeldOut(block.ids[offset], share, seed: options.seed) {
                        heldOut.append(place)
                        heldOutNames.append((source.path, block.ids[offset]))
                    } else {
                        if ranking.tokens.count >= minimumGenes { medians.add(ranking) }
                        cells.append(place)
                    }
                }
                try file.append(bytes)
                control.progress(.init(unit: "cells", phase: "reading", done: done, total: total))
            }
        }
    }

    private static func isHeldOut(_ id: String, _ share: Double, seed: UInt64) -> Bool {
        // FNV-1a, and a mixer for its weak upper bits.
        let hash = id.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return Double(SeededRandom.mixed(hash ^ SeededRandom.mixed(seed)) >> 11) * 0x1p-53 < share
    }

    /// Leaves out the cells that have no gene of `vocabulary`, which may have fewer than the cells were read with: a model
    /// reads nothing of them.
    mutating func leaveOutCells(withoutGenesOf vocabulary: Vocabulary) throws {
        let (file, translation) = (file, file.translation(to: vocabulary))
        var ranking = RankedCell()
        func isKnown(_ place: Place) throws -> Bool {
            try file.read(place, into: &ranking)
            return ranking.tokens.contains { translation[Int($0)] != nil }
        }
        let count = cells.count + heldOut.count
        cells = try cells.filter(isKnown)
        let known = try heldOut.map(isKnown)
        heldOut = zip(heldOut, known).filter(\.1).map(\.0)
        heldOutNames = zip(heldOutNames, known).filter(\.1).map(\.0)
        withoutKnownGene += count - cells.count - heldOut.count
    }

    /// A vocabulary of the genes that at least `minimum` cells have, by Ensembl id, with the medians of the corpus.
    ///
    /// - Throws: ``EmbDBError/Code/nothingFound`` if there is none.
    func ownVocabulary(minimum: Int) throws -> Vocabulary {
        let vocabulary = file.vocabulary
        let genes = vocabulary.entries.filter { vocabulary.isGene($0.token) && medians.cells[Int($0.token)] >= minimum }
            .sorted { $0.id < $1.id }
            .map { (id: $0.id, symbol: $0.symbol, median: medians.median(Int($0.token))) }
        guard !genes.isEmpty else {
            throw EmbDBError(
                .nothingFound,
                "no gene is seen in \(minimum) cells that have enough genes: give more cells, or a lower --min-cells or "
                    + "--min-genes")
        }
        let aliases = vocabulary.aliases.compactMap { key, token in
            vocabulary.entry(token).map { (key: key, id: $0.id) }
        }
        return try Vocabulary(genes: genes, v2: false, aliases: aliases)
    }
}

/// Cells of a corpus as a model reads them.
struct CorpusCells: TrainingCells {
    private let places: [Corpus.Place]
    private let file: CorpusFile
    private let translation: [UInt32?]
    private let encoder: RankValueEncoder

    init(_ places: [Corpus.Place], of corpus: Corpus, encoder: RankValueEncoder) {
        self.places = places
        self.encoder = encoder
        file = corpus.file
        translation = corpus.file.translation(to: encoder.vocabulary)
    }

    var count: Int { places.count }

    func length(_ cell: Int) -> Int { min(Int(places[cell].genes), encoder.geneCapacity) }

    func tokens(_ cell: Int) throws -> [UInt32] {
        var ranking = RankedCell()
        try file.read(places[cell], into: &ranking)
        var encoded = EncodedCell()
        var scratch = RankValueEncoder.Scratch()
        encoder.encode(ranking, translation: translation, into: &encoded, scratch: &scratch)
        return encoded.tokens
    }
}
