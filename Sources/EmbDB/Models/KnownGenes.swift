internal import CDefaultModel
internal import Tokenizers

/// The human genes that embdb knows by id and symbol: what a new model's vocabulary is taken from.
enum KnownGenes {
    /// All of them with the median 1: cells that are read with it are in the order of their counts, equal ones in the order
    /// of the file, whatever medians they are encoded with later.
    static func vocabulary() throws(TokenizerError) -> Vocabulary {
        var length = 0
        let start = default_model_genes(&length)
        return try Vocabulary(
            table: Array(UnsafeBufferPointer(start: start, count: length)), file: "the genes inside the program")
    }
}
