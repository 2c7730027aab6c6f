internal import AnnData
internal import CellTransformer
internal import Foundation
internal import Numerics
internal import Tokenizers

/// The cells that a model is made from, read once: they wait on the disk, ranked by count, until it is known by which
/// medians they are to be encoded.
struct Corpus {
    typealias Place = CorpusFile.Place

    /// Cells by part, in the order of the files.
    private(set) var parts: [[Place]]
    /// Cells that have no known gene.
    private(set) var withoutKnownGene = 0
    /// Of the cells of part 0 that have enough genes.
    private(set) var medians: GeneMedians
    let file: CorpusFile

    /// Reads the selected cells of all sources.
    ///
    /// - Parameters:
    ///   - encoder: whose vocabulary the sources were opened with.
    ///   - parts: how many parts there are.
    ///   - minimumGenes: cells with fewer say nothing about medians; nil: nobody asks for medians.
    ///   - folder: where they wait.
    ///   - part: the part of the cell of a source (by number, row and id), which has genes; nil leaves it out.
    /// - Throws: as an ingest.
    init(
        _ sources: [CellSource], encoder: RankValueEncoder, parts: Int, minimumGenes: Int? = nil,
        options: IngestOptions, folder: String, control: Control,
        part: (_ source: Int, _ row: Int, _ id: String) -> Int?
    ) throws {
        file = try CorpusFile(in: folder, encoder.vocabulary)
        medians = GeneMedians(vocabularyCount: encoder.vocabulary.count)
        self.parts = Array(repeating: [], count: parts)
        let total = sources.reduce(0) { $0 + $1.selected.population }
        var done = 0
        var ranking = RankedCell()
        for (number, source) in sources.enumerated() {
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
                    guard let part = part(number, row, block.ids[offset]) else { continue }
                    try StoredCell.read(cell.stored.span.bytes, vocabularyCount: file.vocabulary.count, into: &ranking)
                    self.parts[part].append(
                        Place(
                            offset: file.end + bytes.count, bytes: Int32(cell.stored.count),
                            genes: Int32(ranking.tokens.count)))
                    bytes += cell.stored
                    if let minimumGenes, part == 0, ranking.tokens.count >= minimumGenes { medians.add(ranking) }
                }
                try file.append(bytes)
                control.progress(.init(unit: "cells", phase: "reading", done: done, total: total))
            }
        }
    }

    /// Leaves out the cells that have no gene of `vocabulary`, which may have fewer than the cells were read with: a model
    /// reads nothing of them. Returns which ones stay, by part.
    mutating func leaveOutCells(withoutGenesOf vocabulary: Vocabulary) throws -> [[Bool]] {
        let translation = file.translation(to: vocabulary)
        var ranking = RankedCell()
        var kept: [[Bool]] = []
        for part in parts.indices {
            let isKnown = try parts[part].map { place in
                try file.read(place, into: &ranking)
                return ranking.tokens.contains { translation[Int($0)] != nil }
            }
            parts[part] = zip(parts[part], isKnown).filter(\.1).map(\.0)
            withoutKnownGene += isKnown.count { !$0 }
            kept.append(isKnown)
        }
        return kept
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

/// Cells of a corpus as a model reads them; for one thread.
struct CorpusCells: TrainingCells {
    /// Used again for each cell.
    private final class Memory {
        var ranking = RankedCell()
        var encoded = EncodedCell()
        var scratch = RankValueEncoder.Scratch()
    }

    private let places: [Corpus.Place]
    private let file: CorpusFile
    private let translation: [UInt32?]
    private let encoder: RankValueEncoder
    private let memory = Memory()

    init(_ places: [Corpus.Place], of corpus: Corpus, encoder: RankValueEncoder) {
        self.places = places
        self.encoder = encoder
        file = corpus.file
        translation = corpus.file.translation(to: encoder.vocabulary)
    }

    var count: Int { places.count }

    func length(_ cell: Int) -> Int { min(Int(places[cell].genes), encoder.geneCapacity) }

    func tokens(_ cell: Int) throws -> [UInt32] {
        try file.read(places[cell], into: &memory.ranking)
        encoder.encode(
            memory.ranking, translation: translation, into: &memory.encoded, scratch: &memory.scratch)
        return memory.encoded.tokens
    }
}
