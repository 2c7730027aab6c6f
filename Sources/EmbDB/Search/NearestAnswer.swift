/// What ``Database/nearest(_:options:control:)`` found.
public struct NearestAnswer: Sendable {
    /// One query and its neighbors.
    public struct Query: Sendable {
        /// The cell's id, the expression of a centroid, or "vector N".
        public let name: String
        /// Genes (symbols or ids, as given) that were deleted and overexpressed before the search; nil for none.
        public let perturbation: GeneEdit?
        /// Nearest first; ties by row.
        public let neighbors: [NearestCell]
    }

    /// How the search was done.
    public struct Search: Sendable {
        /// Neighbors asked for.
        public let k: Int
        /// Length of the candidate list; nil where nothing was walked.
        public let ef: Int?
        /// Whether every vector that may be a neighbor was compared.
        public let exact: Bool
        /// Distances computed, over all queries.
        public let candidates: Int
        /// "graph", "scan" or "exact"; several are joined by "+".
        public let method: String
    }

    /// The model that made the embeddings; nil for vectors from elsewhere.
    public let model: ModelSummary?
    /// In the order of the queries.
    public let queries: [Query]
    /// How it was done.
    public let search: Search
}

/// A stored cell near to a query.
public struct NearestCell: Sendable {
    /// From 1.
    public let rank: Int
    /// The cell's id.
    public let cell: String
    /// Cosine, or inner product; nil for l2.
    public let similarity: Float?
    /// 1 − cosine, the Euclidean distance, or minus the inner product.
    public let distance: Float
    /// The cell's obs values, in the order of the columns.
    public let obs: [(name: String, value: ObsValue)]
}

/// A value of obs.
public enum ObsValue: Sendable, Equatable, CustomStringConvertible {
    /// The cell has none, or its file had no such column.
    case missing
    /// A category or a text.
    case text(String)
    /// A whole number of 64 bits.
    case integer(Int)
    /// A number; never NaN, which is ``missing``.
    case number(Double)
    /// `True` or `False`.
    case boolean(Bool)

    /// The value as text; empty if it is missing, "True" or "False" for a boolean.
    public var description: String {
        switch self {
        case .missing: ""
        case .text(let text): text
        case .integer(let value): String(value)
        case .number(let value): value.description
        case .boolean(let value): value ? "True" : "False"
        }
    }
}

/// Genes to delete and to overexpress together in a cell, before it is embedded.
public struct GeneEdit: Sendable, Equatable {
    /// Ensembl ids or symbols whose tokens are taken out.
    public var delete: [String]
    /// Ensembl ids or symbols whose tokens are moved, or put, to the front, in this order.
    public var overexpress: [String]

    /// Edits by Ensembl ids or symbols; none by default.
    public init(delete: [String] = [], overexpress: [String] = []) {
        self.delete = delete
        self.overexpress = overexpress
    }

    /// Whether nothing is edited.
    public var isEmpty: Bool { delete.isEmpty && overexpress.isEmpty }
}
