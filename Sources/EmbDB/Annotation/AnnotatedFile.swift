internal import AnnData

/// Labels and embeddings as columns of obs and a matrix of obsm: a copy of an .h5ad with them, or, for cells of another
/// kind of file, a new one.
struct AnnotatedFile {
    static let embeddingKey = "X_embdb"
    private static let prefix = "embdb_"

    private let columns: [NewColumn]
    private let matrix: NewMatrix
    private let cellCount: Int

    init(_ annotation: Annotation, _ vectors: SpilledVectors) {
        let cellCount = vectors.cellCount
        self.cellCount = cellCount
        func text(_ name: String, _ value: (Annotation.Cell) -> String?) -> NewColumn {
            var texts = [String?](repeating: nil, count: cellCount)
            for cell in annotation.cells { texts[cell.row] = value(cell) }
            return NewColumn(name: Self.prefix + name, values: .categories(of: texts))
        }
        func number(_ name: String, _ value: (Annotation.Cell) -> Double?) -> NewColumn {
            var numbers = [Double](repeating: .nan, count: cellCount)
            for cell in annotation.cells { numbers[cell.row] = value(cell) ?? .nan }
            return NewColumn(name: Self.prefix + name, values: .numbers(numbers))
        }
        var columns: [NewColumn] = []
        for (index, label) in annotation.labels.enumerated() {
            columns.append(text(label) { $0.decisions[index].label })
            columns.append(number(label + "_confidence") { $0.decisions[index].confidence })
            columns.append(text(label + "_runner_up") { $0.decisions[index].runnerUp })
        }
        for (index, name) in annotation.classes.enumerated() {
            columns.append(number("probability_" + name) { Double($0.probabilities[index]) })
        }
        columns.append(number("nearest_distance") { Double($0.nearestDistance) })
        var unknown = [Bool?](repeating: nil, count: cellCount)
        for cell in annotation.cells { unknown[cell.row] = cell.isUnknown }
        columns.append(NewColumn(name: Self.prefix + "unknown", values: .booleans(unknown)))
        self.columns = columns
        matrix = NewMatrix(name: Self.embeddingKey, dimension: vectors.dimension) { try vectors.rows($0) }
    }

    /// Writes to `path`, which appears when it is complete.
    ///
    /// - Throws: `AnnDataError`, ``EmbDBError``.
    func write(from source: CellSource, to path: String, control: Control) throws {
        let renamed: [H5ADWriter.Renaming]
        if try H5ADWriter.canCopy(source.path) {
            renamed = try H5ADWriter.copy(
                source.path, to: path, cellCount: cellCount, columns: columns, matrices: [matrix]
            ) { try control.checkCancelled("stopped; nothing was written") }
        } else {
            var ids: [String] = []
            for start in stride(from: 0, to: cellCount, by: 1 << 14) {
                ids += try source.cellIDs(start..<min(cellCount, start + 1 << 14))
            }
            control.warning(
                "\(path) holds labels and embeddings, but neither counts nor obs: \(source.path) is no .h5ad")
            renamed = try H5ADWriter.create(at: path, cellIDs: ids, columns: columns, matrices: [matrix])
        }
        for change in renamed {
            control.warning("\(change.name) is called \(change.stored) in the file (\(path))")
        }
    }
}
