internal import HNSW
internal import LMDBStore
internal import Numerics

extension Database {
    /// Adds vectors from outside to a database without a model; ids are the rows' numbers.
    func addVectors(_ vectors: Matrix, metric: Metric, control: Control) throws {
        let step = 1 << 14
        for start in stride(from: 0, to: vectors.rows, by: step) {
            try control.checkCancelled("stopped")
            control.progress(.init(unit: "vectors", phase: "writing", done: start, total: vectors.rows))
            try environment.write { transaction in
                var state = try MetaRecords.state(transaction)
                state.embedding = EmbeddingSettings(dimension: vectors.columns, metric: metric.rawValue)
                let end = min(vectors.rows, start + step)
                let part = Matrix(
                    rows: end - start, columns: vectors.columns,
                    values: Array(vectors.values[start * vectors.columns..<end * vectors.columns]))
                try StoredVectors.append(part, metric: metric, at: state.rows, in: &transaction)
                for row in state.rows..<state.rows + end - start {
                    try Layout.cellOfRow.append(String(row), for: UInt64(row), in: &transaction)
                    try Layout.rowOfCell.put(UInt64(row), for: String(row), in: &transaction)
                }
                state.rows += end - start
                try MetaRecords.put(state, in: &transaction)
            }
        }
    }
}
