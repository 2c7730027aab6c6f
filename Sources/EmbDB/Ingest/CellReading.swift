internal import Tokenizers

/// What is read of the cells of a file.
enum CellReading {
    /// Counts, encoded so.
    case counts(RankValueEncoder)
    /// The embeddings in obsm/`key`.
    case vectors(key: String)
}
