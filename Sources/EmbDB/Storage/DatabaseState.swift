internal import Foundation
internal import HNSW

/// What a database holds at one commit: the record `state` of the table `meta`. Rows at or past ``rows`` belong to
/// an unfinished ingest and are seen by nobody.
struct DatabaseState: Codable, Equatable {
    /// Rows written and visible, deleted ones included.
    var rows = 0
    /// The model whose embeddings these are; nil until the first ingest is complete.
    var model: ModelReference?
    /// How embeddings are made from the model's hidden states.
    var embedding: EmbeddingSettings?
    /// obs columns, in the order in which they came; the number of a column is its position here.
    var columns: [ObsColumnDescription] = []
    /// Ingests that are complete, oldest first.
    var ingests: [CompletedIngest] = []

    /// How often rows were numbered anew: what is known of row numbers holds while it is the same. nil for never.
    var compactions: Int?

    /// Whether the numbers can be true of any database: what is computed from them then neither overflows nor asks for
    /// memory without end.
    var isPossible: Bool {
        (0...Int(Int32.max)).contains(rows) && (1...1 << 16).contains(embedding?.dimension ?? 1)
            && columns.allSatisfy { (0...rows).contains($0.categoryCount) }
            && ingests.allSatisfy {
                (0...rows).contains($0.firstRow) && (0...rows - $0.firstRow).contains($0.cells)
            }
    }
}

/// Which model, by content.
struct ModelReference: Codable, Equatable {
    /// What the user called it: the folder's name, or "default".
    var name: String
    /// Of configuration, vocabulary and weights.
    var sha256: String
}

/// Where the embeddings come from: which hidden layer of the model is pooled how, or which matrix they were imported
/// from.
struct EmbeddingSettings: Codable, Equatable {
    /// nil for embeddings that were made elsewhere.
    var layer: EmbeddingLayer?
    /// nil for embeddings that were made elsewhere.
    var pooling: EmbeddingPooling?
    /// The key in obsm that imported embeddings had in their first file.
    var obsm: String?
    var dimension: Int
    var metric: String
}

/// A column of obs. Its values are the block column `obs.N`, N being its number.
struct ObsColumnDescription: Codable, Equatable {
    enum Kind: String, Codable, Equatable {
        /// f64, NaN missing.
        case number
        /// i64, Int64.min missing.
        case integer
        /// i32 codes into the table of names, −1 missing.
        case category
        /// i32 codes of "False" and "True", −1 missing.
        case boolean
    }

    var name: String
    var kind: Kind
    /// Names in use by visible rows: codes are below it. 0 for numbers.
    var categoryCount = 0
}

/// A source whose ingest is complete, so that the same one again adds nothing.
struct CompletedIngest: Codable, Equatable {
    /// ``IngestKey`` of the source.
    var key: String
    /// Its file name, for people.
    var source: String
    var cells: Int
    /// The rows that it wrote.
    var firstRow: Int
}

/// An ingest that is under way: the record `pending` of the table `meta`.
struct PendingIngest: Codable, Equatable {
    /// What the state becomes with the last batch; its ``DatabaseState/rows`` counts the rows written so far.
    var state: DatabaseState
    var key: String
    /// What happens to cells that are there already: not in the key, since it is of no account once all is done.
    var conflict: IngestOptions.Conflict
    var sources: [String]
    /// The next file and the next row in it.
    var nextFile = 0
    var nextRow = 0
    /// The first row of each source that was begun.
    var firstRows: [Int] = []
    var counts = IngestCounts()
    /// The obs column that gene embeddings are grouped by; nil for none.
    var groupGenesBy: String?

    /// As ``DatabaseState/isPossible``.
    var isPossible: Bool {
        state.isPossible && (0...sources.count).contains(nextFile) && (0...Int(Int32.max)).contains(nextRow)
            && firstRows.count <= sources.count && firstRows.allSatisfy { (0...state.rows).contains($0) }
            && zip(firstRows, firstRows.dropFirst()).allSatisfy { $0 <= $1 }
    }
}

/// What an ingest has done so far.
struct IngestCounts: Codable, Equatable {
    var added = 0
    var truncated = 0
    /// Cells without a gene of the vocabulary.
    var withoutKnownGene = 0
}

/// The graph beside the vectors: the record `index` of the table `meta`. It is derived: where it is missing or does
/// not fit, vectors are scanned, and it is built anew.
struct IndexDescription: Codable, Equatable {
    /// Rows that are in the graph; those past it are the flat tail.
    var rows: Int
    /// Entry points.
    var entries: [UInt32]
    /// The smallest ef that reached recall@10 ≥ 0.99 on a sample of the stored vectors, or the largest that was tried.
    var recommendedEf: Int
    /// The recall@10 that it reached; nil in files of the first days.
    var recall: Double?

    /// Whether searches may go by the graph unless they are told to.
    var isReliable: Bool { (recall ?? 1) >= Recall.target }

    /// As ``DatabaseState/isPossible``.
    var isPossible: Bool { (0...Int(Int32.max)).contains(rows) && (1...1 << 20).contains(recommendedEf) }
}
