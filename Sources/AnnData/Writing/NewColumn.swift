/// An obs column that is to be written: one value per cell.
package struct NewColumn: Sendable {
    package let name: String
    package let values: ColumnValues

    package init(name: String, values: ColumnValues) {
        self.name = name
        self.values = values
    }
}

/// A matrix of obsm that is to be written: float32 [cells, dimension].
package struct NewMatrix {
    /// The key in obsm, such as `X_pca`.
    package let name: String
    package let dimension: Int
    /// The rows of a range [rows.count, dimension], row-major; called with ranges that follow one another.
    package let rows: (Range<Int>) throws -> [Float]

    package init(name: String, dimension: Int, rows: @escaping (Range<Int>) throws -> [Float]) {
        self.name = name
        self.dimension = dimension
        self.rows = rows
    }
}

extension ColumnValues {
    var count: Int {
        switch self {
        case .categories(let codes, _, _): codes.count
        case .strings(let values): values.count
        case .integers(let values): values.count
        case .numbers(let values): values.count
        case .booleans(let values): values.count
        }
    }
}
