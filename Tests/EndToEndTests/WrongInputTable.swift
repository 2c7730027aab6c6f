import Testing

/// One wrong (or odd, and accepted) input and what the program must do with it.
///
/// In arguments, `DB` is a database of the 300 cells of cells.h5ad, `NEW` one that is not there, `MODEL` the model folder
/// of both; `fix:NAME` is an .h5ad of Fixtures, `wrong/NAME` a file of Fixtures/wrong, `made/NAME` one that
/// ``WrongInputFiles`` makes.
struct WrongInput: Sendable, CustomTestStringConvertible {
    let name: String
    let exitCode: Int32
    let arguments: [String]
    /// All of them are in the last line on stderr; where the input is accepted, in what is on stderr.
    let words: [String]

    init(_ name: String, _ exitCode: Int32, _ arguments: [String], _ words: [String]) {
        self.name = name
        self.exitCode = exitCode
        self.arguments = arguments
        self.words = words
    }

    var testDescription: String { name }
}

extension WrongInput {
    // The verbs' lines are long: one case a line is what makes this a table.
    // swift-format-ignore
    static let files: [WrongInput] = [
        .init("no such file", 1, ["ingest", "DB", "made/none.h5ad"], ["none.h5ad"]),
        .init("a folder", 1, ["ingest", "DB", "made/folder"], ["folder"]),
        .init("an empty file", 1, ["ingest", "DB", "made/empty.h5ad"], ["empty.h5ad", "empty"]),
        .init("text", 1, ["ingest", "DB", "made/text.h5ad"], ["text.h5ad"]),
        .init("a picture", 1, ["ingest", "DB", "made/picture.h5ad"], ["picture.h5ad"]),
        .init("a Git LFS pointer", 1, ["ingest", "DB", "made/pointer.h5ad"], ["pointer.h5ad"]),
        .init("cut after 100 bytes", 1, ["ingest", "DB", "made/cut100.h5ad"], ["cut100.h5ad"]),
        .init("cut at a tenth", 1, ["ingest", "DB", "made/cut10.h5ad"], ["cut10.h5ad"]),
        .init("cut in the middle", 1, ["ingest", "DB", "made/cut50.h5ad"], ["cut50.h5ad"]),
        .init("cut at nine tenths", 1, ["ingest", "DB", "made/cut90.h5ad"], ["cut90.h5ad"]),
        .init("without its last byte", 1, ["ingest", "DB", "made/cutlast.h5ad"], ["cutlast.h5ad"]),
        .init("400 flipped bytes, 1", 1, ["ingest", "DB", "made/flipped1.h5ad"], ["flipped1.h5ad"]),
        .init("400 flipped bytes, 2", 1, ["ingest", "DB", "made/flipped2.h5ad"], ["flipped2.h5ad"]),
        .init("400 flipped bytes, 3", 1, ["ingest", "DB", "made/flipped3.h5ad"], ["flipped3.h5ad"]),
        .init("HDF5, but no cells", 1, ["ingest", "DB", "wrong/not_anndata.h5ad"], ["not_anndata.h5ad"]),
        .init("zarr", 1, ["ingest", "DB", "made/cells.zarr"], ["zarr is not supported", ".h5ad"]),
        .init("an R object", 1, ["ingest", "DB", "made/cells.rds"], ["cells.rds"]),
        .init("a chunk of 1 GiB in 36 kB", 1, ["ingest", "DB", "wrong/bomb.h5ad", "--layer", "X"], ["bomb.h5ad", "X/data"]),
        .init("64 chunks of 16 MiB", 1, ["ingest", "DB", "wrong/small_bombs.h5ad", "--layer", "X"], ["small_bombs.h5ad", "X"]),
        .init("a shape of 2^62 cells", 1, ["ingest", "DB", "wrong/absurd_shape.h5ad"], ["absurd_shape.h5ad"]),
        .init("2^50 values", 1, ["ingest", "DB", "wrong/endless.h5ad"], ["endless.h5ad"]),
        .init("a link to another file", 1, ["ingest", "DB", "wrong/outside_link.h5ad"], ["outside_link.h5ad"]),
        .init("no indptr", 1, ["ingest", "DB", "wrong/no_indptr.h5ad"], ["no_indptr.h5ad", "indptr"]),
        .init("text in X", 1, ["ingest", "DB", "wrong/text_matrix.h5ad"], ["text_matrix.h5ad", "X"]),
    ]

    // swift-format-ignore
    static let contents: [WrongInput] = [
        .init("a negative value", 1, ["ingest", "DB", "fix:negative"], ["negative.h5ad", "row 149", "-3", "negative"]),
        .init("a negative value behind a commit", 1, ["ingest", "DB", "fix:more", "fix:negative", "--layer", "X"], ["negative.h5ad", "row 149"]),
        .init("a negative value among normalized ones", 1, ["ingest", "DB", "fix:negative", "--values", "normalized"], ["negative.h5ad", "-3"]),
        .init("a fractional value", 1, ["ingest", "DB", "fix:fractional"], ["fractional.h5ad", "row 149", "2.5", "whole"]),
        .init("a fractional value, the layer named", 1, ["ingest", "DB", "fix:fractional", "--layer", "X"], ["row 149", "2.5"]),
        .init("NaN", 1, ["ingest", "DB", "fix:nan"], ["nan.h5ad", "row 149", "NaN"]),
        .init("infinity", 1, ["ingest", "DB", "wrong/infinite.h5ad"], ["infinite.h5ad", "infinit"]),
        .init("2^53 + 1", 1, ["ingest", "DB", "wrong/beyond_float.h5ad"], ["beyond_float.h5ad", "2^53", "row 0"]),
        .init("mouse genes", 1, ["ingest", "DB", "fix:mouse"], ["0 of 240", "ENSMUSG", "mouse", "human"]),
        .init("genes that nobody knows", 1, ["ingest", "DB", "wrong/unknown_genes.h5ad"], ["0 of 40", "unknown_genes.h5ad"]),
        .init("genes that are numbers", 1, ["ingest", "DB", "wrong/numbered_genes.h5ad"], ["0 of 40", "--gene-column"]),
        .init("genes twice: summed", 0, ["ingest", "NEW", "wrong/duplicated_genes.h5ad", "--model", "MODEL"], ["6 cells", "40 of 40"]),
        .init("genes with versions", 0, ["ingest", "NEW", "wrong/versioned_genes.h5ad", "--model", "MODEL"], ["6 cells", "40 of 40"]),
        .init("cell ids twice", 1, ["ingest", "DB", "fix:twice"], ["twice4", "twice.h5ad", "4", "9"]),
        .init("cell ids of the database", 1, ["ingest", "DB", "fix:changed"], ["cell0", "--on-conflict"]),
        .init("a cell without id", 1, ["ingest", "DB", "wrong/empty_id.h5ad"], ["empty_id.h5ad", "row 2", "--cell-column"]),
        .init("an id of 600 letters", 1, ["ingest", "DB", "wrong/long_id.h5ad"], ["long_id.h5ad", "row 2", "500"]),
        .init("a line end in an id", 1, ["ingest", "DB", "fix:more", "--id-prefix", "a\nb"], ["more.h5ad", "line end"]),
        .init("mouse genes, their column named", 1, ["ingest", "DB", "fix:mouse", "--gene-column", "index"], ["0 of 240", "mouse.h5ad", "human"]),
        .init("no cells", 2, ["ingest", "DB", "wrong/no_cells.h5ad"], ["no_cells.h5ad", "no cells"]),
        .init("no gene in any cell", 2, ["ingest", "NEW", "wrong/no_gene_in_any_cell.h5ad", "--model", "MODEL"], ["no cell has a gene"]),
        .init("some cells without known gene", 0, ["ingest", "NEW", "fix:empty_cells", "--model", "MODEL"], ["10 cells"]),
        .init("one cell", 0, ["ingest", "NEW", "wrong/one_cell.h5ad", "--model", "MODEL"], ["1 cell added"]),
        .init("a column that changes its type", 1, ["ingest", "DB", "fix:donor_is_number"], ["donor", "category", "number", "donor_is_number.h5ad"]),
        .init("a dry run says the same", 1, ["ingest", "DB", "fix:negative", "--dry-run"], ["negative.h5ad", "row 149", "-3", "negative"]),
        .init("a dry run looks at ids", 1, ["ingest", "DB", "fix:changed", "--dry-run"], ["cell0", "--on-conflict"]),
        .init("a dry run looks at types", 1, ["ingest", "DB", "fix:donor_is_number", "--dry-run"], ["donor", "category", "number"]),
    ]

    // swift-format-ignore
    static let models: [WrongInput] = [
        .init("no model named", 64, ["ingest", "NEW", "fix:more"], ["--model"]),
        .init("another model", 1, ["ingest", "DB", "fix:more", "--model", "made/other"], ["another model", "--model"]),
        .init("the default model into a database of another", 1, ["ingest", "DB", "fix:more", "--model", "default"], ["another model"]),
        .init("no such folder", 1, ["model", "info", "made/nothing"], ["nothing", "folder"]),
        .init("a file for a folder", 1, ["model", "info", "made/text.h5ad"], ["text.h5ad", "folder"]),
        .init("an empty folder", 1, ["model", "info", "made/folder"], ["config.json"]),
        .init("config.json that is no JSON", 1, ["model", "info", "made/nojson"], ["config.json", "JSON"]),
        .init("config.json of a wrong type", 1, ["model", "info", "made/wrongtype"], ["config.json", "hidden_size"]),
        .init("config.json of another architecture", 1, ["model", "info", "made/gpt"], ["config.json", "model_type", "bert"]),
        .init("config.json with absurd sizes", 1, ["model", "info", "made/absurd"], ["config.json", "num_hidden_layers"]),
        .init("an scGPT folder", 1, ["model", "info", "made/scgpt"], ["scGPT"]),
        .init("no weights", 1, ["model", "info", "made/noweights"], ["model.safetensors", "pytorch_model.bin"]),
        .init("dictionaries in a folder that is not there", 1, ["ingest", "NEW", "fix:cells", "--model", "MODEL", "--dictionaries", "made/nowhere"], ["--dictionaries", "made/nowhere"]),
        .init("no dictionaries", 1, ["model", "info", "made/alone/novocabulary"], ["--dictionaries"]),
        .init("the dictionaries of another model", 1, ["model", "info", "made/fewtokens"], ["dictionaries"]),
        .init("safetensors with a header of 8 EiB", 1, ["model", "info", "made/header"], ["model.safetensors", "header"]),
        .init("safetensors cut in the header", 1, ["model", "info", "made/cuttensors"], ["model.safetensors"]),
        .init("safetensors of a few bytes", 1, ["model", "info", "made/fewbytes"], ["model.safetensors"]),
        .init("safetensors with tensors missing", 1, ["model", "info", "made/missing"], ["model.safetensors", "word_embeddings"]),
        .init("a pickle that runs a command", 1, ["model", "info", "made/command"], ["pytorch_model.bin", "system"]),
        .init("a bare pickle", 1, ["model", "info", "made/bare"], ["pytorch_model.bin"]),
        .init("a zip with paths that lead outside", 1, ["model", "info", "made/outside"], ["pytorch_model.bin"]),
        .init("a zip without a pickle", 1, ["model", "info", "made/nopickle"], ["pytorch_model.bin", "data.pkl"]),
        .init("a zip bomb", 1, ["model", "info", "made/zipbomb"], ["pytorch_model.bin"]),
        .init("a dictionary that runs a command", 1, ["model", "info", "made/alone/dictionary"], ["dictionary", "system"]),
        .init("an ingest refuses a hostile model too", 1, ["ingest", "NEW", "fix:more", "--model", "made/command"], ["pytorch_model.bin", "system"]),
    ]

    // swift-format-ignore
    static let arguments: [WrongInput] = [
        .init("no verb of that name", 64, ["nearst", "DB"], ["nearst", "nearest"]),
        .init("an option of no verb", 64, ["nearest", "DB", "--cell", "cell0", "--neighbours", "3"], ["--neighbours"]),
        .init("no database", 64, ["nearest"], ["database"]),
        .init("no file", 64, ["ingest", "DB"], ["files"]),
        .init("no query", 64, ["nearest", "DB"], ["--cell"]),
        .init("two queries", 64, ["nearest", "DB", "--cell", "cell0", "--cells", "score > 3"], ["one way"]),
        .init("k = 0", 64, ["nearest", "DB", "--cell", "cell0", "-k", "0"], ["-k 0"]),
        .init("k is text", 64, ["nearest", "DB", "--cell", "cell0", "-k", "ten"], ["ten", "-k"]),
        .init("k beyond the cells", 0, ["nearest", "DB", "--cell", "cell0", "-k", "5000"], ["299 neighbors"]),
        .init("ef = 0", 64, ["nearest", "DB", "--cell", "cell0", "--ef", "0"], ["--ef 0"]),
        .init("no threads", 64, ["nearest", "DB", "--cell", "cell0", "--threads", "0"], ["--threads 0"]),
        .init("a format that is none", 64, ["info", "DB", "--format", "xml"], ["xml", "json"]),
        .init("a distance that is no number", 64, ["nearest", "DB", "--cell", "cell0", "--max-distance", "far"], ["far"]),
        .init("vectors cannot be perturbed", 64, ["nearest", "DB", "--vector", "made/vectors.npy", "--delete", "TTN"], ["--vector", "--delete"]),
        .init("an unknown cell", 1, ["nearest", "DB", "--cell", "cel12"], ["cel12", "cell12"]),
        .init("an unknown gene", 1, ["nearest", "DB", "--cell", "cell0", "--delete", "GATA44"], ["GATA44", "GATA4"]),
        .init("no gene named", 64, ["nearest", "DB", "--cell", "cell0", "--delete", ","], ["--delete", "gene"]),
        .init("an unknown column", 1, ["nearest", "DB", "--cells", "diseas == \"DCM\""], ["diseas", "disease"]),
        .init("an unknown value", 1, ["nearest", "DB", "--cells", "disease == \"DMC\""], ["DMC", "DCM"]),
        .init("text compared with a number", 1, ["nearest", "DB", "--cells", "disease > 3"], ["disease"]),
        .init("half an expression", 1, ["nearest", "DB", "--cells", "disease =="], ["the end", "value"]),
        .init("a quote that does not end", 1, ["nearest", "DB", "--cells", "disease == \"DCM"], ["no end", "add"]),
        .init("an empty expression", 1, ["nearest", "DB", "--cells", ""], ["expression"]),
        .init("ten thousand brackets", 1, ["nearest", "DB", "--cells", "BRACKETS"], ["deep"]),
        .init("an expression that selects nobody", 2, ["nearest", "DB", "--cells", "n_genes > 9000"], ["no cell", "n_genes > 9000"]),
        .init("a filter that leaves nobody", 2, ["nearest", "DB", "--cell", "cell0", "--where", "n_genes > 9000"], ["--where"]),
        .init("a file's unknown column to exclude", 64, ["nearest", "DB", "--file", "wrong/one_cell.h5ad", "--exclude-same", "donor"], ["donor", "one_cell.h5ad", "there is disease"]),
        .init("an unknown column to group genes by", 64, ["ingest", "NEW", "fix:cells", "--model", "MODEL", "--group-genes-by", "doner"], ["doner", "cells.h5ad", "did you mean donor"]),
        .init("an unknown column to exclude", 64, ["nearest", "DB", "--cell", "cell0", "--exclude-same", "doner"], ["doner", "donor"]),
        .init("a limit without its column", 64, ["nearest", "DB", "--cell", "cell0", "--at-most", "2"], ["--at-most 2", "--per"]),
        .init("a column without its limit", 64, ["nearest", "DB", "--cell", "cell0", "--per", "donor"], ["--per donor", "--at-most"]),
        .init("a limit of none", 64, ["nearest", "DB", "--cell", "cell0", "--at-most", "0", "--per", "donor"], ["--at-most 0"]),
        .init("a limit that is text", 64, ["nearest", "DB", "--cell", "cell0", "--at-most", "few", "--per", "donor"], ["few", "--at-most"]),
        .init("an unknown column of the limit", 64, ["nearest", "DB", "--cell", "cell0", "--at-most", "2", "--per", "doner"], ["--per doner", "donor"]),
        .init("a limit under a filter that leaves nobody", 2, ["nearest", "DB", "--cell", "cell0", "--at-most", "2", "--per", "donor", "--where", "n_genes > 9000"], ["--where"]),
        .init("an unknown layer", 1, ["ingest", "DB", "fix:more", "--layer", "layers/count"], ["layers/count", "more.h5ad"]),
        .init("an unknown gene column", 1, ["ingest", "DB", "fix:more", "--gene-column", "ensembl"], ["ensembl", "ensembl_id"]),
        .init("an unknown cell column", 1, ["ingest", "DB", "fix:more", "--cell-column", "weigt"], ["weigt", "weight"]),
        .init("an unknown column of the file", 1, ["ingest", "DB", "fix:more", "--where", "diseas == \"HCM\""], ["diseas", "disease"]),
        .init("no cell of the file", 2, ["ingest", "DB", "fix:more", "--where", "weight > 900"], ["weight > 900", "more.h5ad"]),
        .init("no sample", 64, ["ingest", "DB", "fix:more", "--sample", "0"], ["--sample 0"]),
        .init("values of no kind", 64, ["ingest", "DB", "fix:more", "--values", "logs"], ["logs", "normalized"]),
        .init("cls of a model without it", 64, ["ingest", "NEW", "fix:more", "--model", "MODEL", "--pool", "cls"], ["--pool", "mean"]),
        .init("another pooling than the database's", 64, ["ingest", "DB", "fix:more", "--embed", "last"], ["--embed", "last"]),
        .init("knockouts without a goal", 64, ["knockouts", "DB", "--from", "age > 3"], ["--to"]),
        .init("knockouts of nobody", 2, ["knockouts", "DB", "--from", "age > 900", "--to", "age > 3"], ["--from"]),
        .init("a gene list that is not there", 64, ["knockouts", "DB", "--from", "age > 60", "--to", "age < 50", "--genes", "@made/none.txt"], ["none.txt"]),
        .init("a gene that is a special token", 1, ["knockouts", "DB", "--from", "cell == \"cell1\"", "--to", "age < 50", "--genes", "<pad>"], ["<pad>"]),
        .init("no neighbors of neighbor_shift", 64, ["knockouts", "DB", "--from", "age > 60", "--to", "age < 50", "-k", "0"], ["-k 0"]),
        .init("a mode that is none", 64, ["knockouts", "DB", "--from", "age > 60", "--to", "age < 50", "--mode", "erase"], ["erase", "delete"]),
        .init("vectors that are not there", 1, ["nearest", "DB", "--vector", "made/none.npy"], ["none.npy"]),
        .init("vectors of another length", 64, ["nearest", "DB", "--vector", "made/vectors.npy"], ["3", "32"]),
        .init("vectors that are text", 1, ["nearest", "DB", "--vector", "made/text.h5ad"], ["numpy.save"]),
        .init("vectors cut off", 1, ["nearest", "DB", "--vector", "made/cut.npy"], ["cut.npy"]),
        .init("beam lengths that are no numbers", 64, ["bench", "search", "--vectors", "made/vectors.npy", "--queries", "made/vectors.npy", "--ef", "x"], ["--ef x"]),
        .init("a metric that is none", 64, ["bench", "search", "--vectors", "made/vectors.npy", "--queries", "made/vectors.npy", "--metric", "cos"], ["cos", "cosine"]),
        .init("more tokens than the model takes", 64, ["bench", "embed", "--model", "MODEL", "--length", "9000"], ["--length 9000"]),
        .init("a deletion of nobody in particular", 64, ["delete", "DB"], ["--where"]),
        .init("a deletion of no cell", 2, ["delete", "DB", "--where", "n_genes > 9000"], ["no cell", "n_genes > 9000"]),
        .init("a dry run of a deletion of no cell", 2, ["delete", "DB", "--where", "n_genes > 9000", "--dry-run"], ["no cell", "n_genes > 9000"]),
        .init("a deletion by an unknown value", 1, ["delete", "DB", "--where", "disease == \"DMC\""], ["DMC", "DCM"]),
        .init("a deletion by half an expression", 1, ["delete", "DB", "--where", "disease =="], ["the end", "value"]),
        .init("a version that is none", 64, ["ingest", "DB", "fix:more", "--precision", "f64"], ["f64", "f32"]),
    ]

    // swift-format-ignore
    static let databasesAndOutputs: [WrongInput] = [
        .init("no database there", 1, ["info", "made/none.embdb"], ["none.embdb"]),
        .init("an empty file as database", 1, ["info", "made/empty.embdb"], ["empty.embdb", "empty"]),
        .init("a folder as database", 1, ["info", "made/folder"], ["folder"]),
        .init("text as database", 1, ["info", "made/text.embdb"], ["text.embdb"]),
        .init("an ingest into text", 1, ["ingest", "made/text.embdb", "fix:cells", "--model", "MODEL"], ["text.embdb"]),
        .init("an .h5ad as database", 1, ["nearest", "fix:cells", "--cell", "cell0"], ["cells.h5ad"]),
        .init("another program's LMDB file", 1, ["info", "made/other.lmdb"], ["other.lmdb", "another program"]),
        .init("an ingest into another program's LMDB file", 1, ["ingest", "made/other.lmdb", "fix:cells", "--model", "MODEL"], ["another program"]),
        .init("a newer format", 1, ["info", "made/newer.embdb"], ["newer.embdb", "newer embdb"]),
        .init("an ingest into a newer format", 1, ["ingest", "made/newer.embdb", "fix:more"], ["newer embdb"]),
        .init("a database cut in the middle", 1, ["nearest", "made/half.embdb", "--cell", "cell0"], ["half.embdb", "truncated"]),
        .init("an ingest into a database cut in the middle", 1, ["ingest", "made/half.embdb", "fix:more"], ["half.embdb", "truncated"]),
        .init("a database in a folder that is not there", 1, ["ingest", "made/no/new.embdb", "fix:more", "--model", "MODEL"], ["made/no", "folder"]),
        .init("an export over counts", 64, ["export", "DB", "made/counts.h5ad"], ["counts.h5ad", "there is a file that is no"]),
        .init("an annotated copy over counts", 64, ["annotate", "DB", "fix:more", "--label", "disease", "--out", "made/counts.h5ad"], ["counts.h5ad", "there is a file that is no"]),
        .init("an export over what is no .h5ad", 64, ["export", "DB", "made/text.h5ad"], ["text.h5ad", "there is a file that is no export"]),
        .init("vectors written over", 64, ["bench", "search", "--vectors", "made/vectors.npy", "--queries", "made/cut.npy", "--out", "made/vectors.npy"], ["vectors.npy", "one to read"]),
        .init("a ranking over a lock file", 64, ["knockouts", "DB", "--from", "cell == \"cell1\"", "--to", "cell == \"cell2\"", "--out", "DB-lock"], ["is a database"]),
        .init("a ranking without a name", 64, ["knockouts", "DB", "--from", "cell == \"cell1\"", "--to", "cell == \"cell2\"", "--out", ""], ["no name"]),
        .init("labels in the folder that is read", 64, ["annotate", "DB", "made/folder", "--label", "disease", "--out", "made/folder/barcodes.tsv"], ["barcodes.tsv", "folder that is read"]),
        .init("a ranking over counts", 64, ["knockouts", "DB", "--from", "cell == \"cell1\"", "--to", "cell == \"cell2\"", "--out", "made/counts.h5ad"], ["counts.h5ad", "HDF5"]),
        .init("labels over vectors", 64, ["annotate", "DB", "fix:more", "--label", "disease", "--out", "made/vectors.tsv"], ["vectors.tsv", ".npy"]),
        .init("an answer over its list of genes", 64, ["perturb", "DB", "--cells", "cell == \"cell1\"", "--genes", "@made/genes.txt", "--out", "made/genes.txt"], ["genes.txt", "list of genes"]),
        .init("a dry run of a database in a folder that is not there", 1, ["ingest", "made/no/new.embdb", "fix:more", "--model", "MODEL", "--dry-run"], ["made/no", "folder"]),
        .init("an ending that is none", 64, ["export", "DB", "made/x.csv"], ["x.csv", ".npy"]),
        .init("tokens to .npy", 64, ["export", "DB", "made/x.npy", "--tokens"], ["--tokens", ".npz"]),
        .init("neighbors to .npy", 64, ["export", "DB", "made/x.npy", "--knn", "5"], ["--knn", ".npz"]),
        .init("no neighbors", 64, ["export", "DB", "made/x.npz", "--knn", "0"], ["--knn 0"]),
        .init("more neighbors than anybody wants", 64, ["export", "DB", "made/x.npz", "--knn", "1000000"], ["1000000", "10000"]),
        .init("neighbors that are text", 64, ["export", "DB", "made/x.npz", "--knn", "x"], ["x", "--knn"]),
        .init("neighbors and tokens", 64, ["export", "DB", "made/x.npz", "--knn", "5", "--tokens"], ["--knn", "--tokens"]),
        .init("neighbors of genes", 64, ["export", "DB", "made/x.npz", "--knn", "5", "--genes"], ["--knn", "--genes"]),
        .init("an .npz of nothing", 64, ["export", "DB", "made/x.npz"], ["--tokens", "--knn"]),
        .init("a selection without neighbors", 64, ["export", "DB", "made/x.npy", "--where", "age > 60"], ["--where", "--knn"]),
        .init("exact without neighbors", 64, ["export", "DB", "made/x.npy", "--exact"], ["--exact", "--knn"]),
        .init("no beam for neighbors", 64, ["export", "DB", "made/x.npz", "--knn", "5", "--ef", "0"], ["--ef 0"]),
        .init("neighbors among nobody", 2, ["export", "DB", "made/x.npz", "--knn", "5", "--where", "n_genes > 9000"], ["no cell", "n_genes > 9000"]),
        .init("neighbors by a wrong expression", 1, ["export", "DB", "made/x.npz", "--knn", "5", "--where", "diseas == \"DCM\""], ["diseas", "disease"]),
        .init("neighbors to a folder that is not there", 1, ["export", "DB", "made/no/x.npz", "--knn", "5"], ["x.npz", "folder"]),
        .init("neighbors to a full device", 1, ["export", "DB", "made/full.npz", "--knn", "5"], ["full.npz", "No space left"]),
        .init("embeddings to a folder that is not there", 1, ["export", "DB", "made/no/x.npy"], ["x.npy", "folder"]),
        .init("obs to a folder that is not there", 1, ["export", "DB", "made/no/x.tsv"], ["x.tsv", "folder"]),
        .init("embeddings to a full device", 1, ["export", "DB", "made/full.npy"], ["full.npy", "No space left"]),
        .init("obs to a full device", 1, ["export", "DB", "made/full.tsv"], ["full.tsv", "No space left"]),
        .init("tokens to a full device", 1, ["export", "DB", "made/full.npz", "--tokens"], ["full.npz", "No space left"]),
        .init("embeddings to a folder's name", 1, ["export", "DB", "made/folder.npy"], ["folder.npy", "folder"]),
        .init("a ranking to a folder's name", 1, ["knockouts", "DB", "--from", "cell == \"cell1\"", "--to", "cell == \"cell2\"", "--out", "made/folder"], ["folder"]),
        .init("a ranking to a full device", 1, ["knockouts", "DB", "--from", "cell == \"cell1\"", "--to", "cell == \"cell2\"", "--genes", "all", "--out", "made/full"], ["full", "No space left"]),
    ]
}
