internal import ArgumentParser
internal import EmbDB

/// Which cells of files a model is made from, and how they are read.
struct CorpusArguments: ParsableArguments {
    @Option(help: "The files' counts: X, layers/NAME or raw/X (default: found, as by ingest).") var layer: String?
    @Option(help: "The files' values: counts (whole numbers ≥ 0) or normalized (any number ≥ 0).")
    var values = IngestOptions.Values.counts
    @Option(help: "The var column with Ensembl ids or symbols (default: found).") var geneColumn: String?
    @Option(help: "The obs column with cell ids (default: the index).") var cellColumn: String?
    @Option(name: .customLong("where"), help: "Only cells that this expression over obs selects.") var filter: String?
    @Option(help: "Only so many cells, drawn by --seed.") var sample: Int?

    var options: CorpusOptions {
        var options = CorpusOptions()
        options.layer = layer
        options.values = values
        options.geneColumn = geneColumn
        options.cellColumn = cellColumn
        options.filter = filter
        options.sample = sample
        return options
    }
}
