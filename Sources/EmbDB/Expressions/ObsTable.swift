/// What expressions are evaluated on: one row a cell.
package protocol ObsTable {
    var cellCount: Int { get }
    /// The obs columns, without the cell id.
    var columnNames: [String] { get }
    /// A column of `columnNames`; `cellCount` values.
    func column(_ name: String) throws -> ObsColumn
    /// `cellCount` ids; nil for a row that is no cell.
    func cellIDs() throws -> [String?]
}

/// The values of one obs column, one a cell.
package enum ObsColumn {
    /// Indexes into `names`, −1 for missing.
    case categories(codes: [Int32], names: [String])
    /// NaN is missing.
    case numbers([Double])
    /// `Int64.min` is missing.
    case integers([Int64])
    /// nil is missing.
    case text([String?])

    package var count: Int {
        switch self {
        case .categories(let codes, _): codes.count
        case .numbers(let values): values.count
        case .integers(let values): values.count
        case .text(let values): values.count
        }
    }
}
