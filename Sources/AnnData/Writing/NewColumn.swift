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

    /// Texts as categories in the order of their bytes, as pandas sorts them; nil is missing. By bytes, too, they are
    /// equal: Swift takes composed and decomposed characters for the same.
    package static func categories(of texts: [String?]) -> ColumnValues {
        var codeOf: [[UInt8]: Int32] = [:]
        let names = Set(texts.compactMap { $0.map { Array($0.utf8) } }).sorted { $0.lexicographicallyPrecedes($1) }
        for (code, name) in names.enumerated() { codeOf[name] = Int32(code) }
        return .categories(
            codes: texts.map { text in text.flatMap { codeOf[Array($0.utf8)] } ?? -1 },
            names: names.map { String(decoding: $0, as: UTF8.self) }, ordered: false)
    }
}
