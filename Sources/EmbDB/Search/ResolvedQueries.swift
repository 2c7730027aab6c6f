internal import HNSW
internal import Numerics

/// Queries as vectors, with what they are called.
struct ResolvedQueries {
    /// The stored cells that are the queries; empty for vectors from outside and for a centroid.
    private(set) var rows: [Int] = []
    var names: [String] = []
    /// Of cells of a file: the obs value that neighbors must not have; nil for other queries.
    private(set) var texts: [String?]?
    /// [queries, dimension]
    private(set) var vectors: Matrix

    /// Stored cells, by their stored embeddings.
    init(rows: [Int], set: VectorSet) {
        self.rows = rows
        vectors = Matrix(
            rows: rows.count, columns: set.dimension, values: rows.flatMap { StoredVectors.vector(set, row: $0) })
    }

    /// - Throws: ``EmbDBError/Code/usage`` for a vector of another dimension or with values that are not finite.
    init(vectors: [[Float]], dimension: Int) throws(EmbDBError) {
        guard !vectors.isEmpty else { throw EmbDBError(.usage, "there is no query vector: give at least one") }
        for (index, vector) in vectors.enumerated() {
            guard vector.count == dimension else {
                throw EmbDBError(
                    .usage,
                    "query vector \(index) has \(vector.count) dimensions, the database \(dimension): "
                        + "query with embeddings of the same model")
            }
            guard vector.allSatisfy(\.isFinite) else {
                throw EmbDBError(.usage, "query vector \(index) holds a value that is no finite number: remove it")
            }
            names.append("vector \(index)")
        }
        self.vectors = Matrix(rows: vectors.count, columns: dimension, values: vectors.flatMap { $0 })
    }

    /// - Throws: ``EmbDBError/Code/usage`` for a vector that is so long that f32 has no distance for it.
    func requireComparable(_ metric: Metric) throws(EmbDBError) {
        guard metric != .cosine else { return }
        for query in 0..<vectors.rows {
            let squares = vectors[row: query].reduce(0) { $0 + Double($1) * Double($1) }
            guard squares <= VectorSource.largestSquares else {
                throw EmbDBError(
                    .usage,
                    "query vector \(query) has the length \(squares.squareRoot()), beyond what can be compared: scale it "
                        + "down")
            }
        }
    }

    /// Cells of a file.
    ///
    /// - Parameter texts: their values in the obs column whose equals are no neighbors; nil if there is none.
    init(_ batch: FileCells.Batch, texts: [String?]?) {
        names = batch.names
        vectors = batch.vectors
        self.texts = texts
    }

    /// Puts new vectors in place of the ones of some queries.
    mutating func replaceVectors(_ range: Range<Int>, by new: Matrix) {
        let columns = vectors.columns
        vectors.values.replaceSubrange(range.lowerBound * columns..<range.upperBound * columns, with: new.values)
    }

    /// The vectors of some queries.
    func vectors(_ queries: [Int]) -> Matrix {
        queries.count == vectors.rows
            ? vectors
            : Matrix(rows: queries.count, columns: vectors.columns, values: queries.flatMap { vectors[row: $0] })
    }

    /// One query: the mean, added up in Double in the queries' order.
    func centroid(named name: String) throws(EmbDBError) -> ResolvedQueries {
        var mean = MeanVector(dimension: vectors.columns)
        mean.add(vectors)
        return try ResolvedQueries(mean, named: name)
    }

    /// One query: a mean.
    init(_ mean: MeanVector, named name: String) throws(EmbDBError) {
        let vector = mean.mean
        self = try ResolvedQueries(vectors: [vector], dimension: vector.count)
        names = [name]
    }
}
