internal import HNSW
internal import LMDBStore
internal import Numerics

extension Database {
    /// The k nearest cells of every cell.
    ///
    /// - Throws: ``EmbDBError`` `usage`, `expression`, `nothingFound`, `cancelled`, `corrupted`.
    /// - Complexity: one search a cell; with `exact`, O(cells² × dimension).
    public func neighborGraph(
        options: NeighborGraphOptions = NeighborGraphOptions(), control: Control = Control()
    ) throws(EmbDBError) -> NeighborGraph {
        try withEmbDBErrors {
            try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: path)
                let search = try NeighborGraphSearch(options, snapshot, in: transaction)
                var cells: [String] = []
                cells.reserveCapacity(search.rows.count)
                for row in search.rows { cells.append(try StoredCells.id(ofRow: row, in: transaction)) }
                var indices: [Int32] = []
                var distances: [Float] = []
                indices.reserveCapacity(cells.count * options.k)
                distances.reserveCapacity(cells.count * options.k)
                try search.forEachBatch(control: control) { batch in
                    indices += batch.indices
                    distances += batch.distances
                }
                return NeighborGraph(cells: cells, k: options.k, indices: indices, distances: distances)
            }
        }
    }

    /// Writes ``neighborGraph(options:control:)`` to `path` (.npz): `indices` (int64 [cells, k], −1 where there are
    /// fewer than k) and `distances` (float32 [cells, k], infinity there), and the ids, one a line, to `path` +
    /// ".ids.txt". Memory does not grow with the neighbors: they wait on the disk beside `path`.
    ///
    /// - Returns: the number of cells.
    /// - Throws: as ``neighborGraph(options:control:)``; `storage`.
    public func exportNeighborGraph(
        to path: String, options: NeighborGraphOptions = NeighborGraphOptions(), control: Control = Control()
    ) throws(EmbDBError) -> Int {
        try withEmbDBErrors {
            // Nobody wants to hear after hours that there is no such folder.
            try OutputFile.check(path)
            return try environment.read { transaction in
                let snapshot = try Snapshot(transaction, path: self.path)
                let search = try NeighborGraphSearch(options, snapshot, in: transaction)
                let indices = try UnnamedFile(beside: path)
                let distances = try UnnamedFile(beside: path)
                try search.forEachBatch(control: control) { batch in
                    try indices.append(batch.indices.map { Int64($0) })
                    try distances.append(batch.distances)
                }
                let shape = [search.rows.count, options.k]
                var file = try NPZWriter(path)
                var ids = try OutputFile(path + ".ids.txt")
                try file.add("indices", descriptor: "<i8", shape: shape) { try indices.forEachPiece($0) }
                try file.add("distances", descriptor: "<f4", shape: shape) { try distances.forEachPiece($0) }
                for row in search.rows { try ids.write(try StoredCells.id(ofRow: row, in: transaction) + "\n") }
                try ids.finish()
                try file.finish()
                return search.rows.count
            }
        }
    }
}
