/// A dense matrix of 32-bit floats, rows one after another: element (r, c) is `values[r * columns + c]`.
package struct Matrix: Sendable, Equatable {
    /// Number of rows.
    package let rows: Int
    /// Number of columns.
    package let columns: Int
    /// All elements, row-major, `rows * columns` of them.
    package var values: [Float]

    /// A matrix of zeros of shape [rows, columns].
    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        values = [Float](repeating: 0, count: rows * columns)
    }

    /// Takes `values`, row-major; its count must be `rows * columns`.
    package init(rows: Int, columns: Int, values: [Float]) {
        precondition(values.count == rows * columns, "a [\(rows), \(columns)] matrix has not \(values.count) elements")
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    /// The elements of row `index`. Shape [columns].
    package subscript(row index: Int) -> ArraySlice<Float> { values[index * columns..<(index + 1) * columns] }
}
