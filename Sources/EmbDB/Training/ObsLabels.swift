internal import AnnData

/// The values of one obs column of a source, as names of classes or groups.
struct ObsLabels {
    private let labels: GroupLabels

    /// - Throws: ``EmbDBError/Code/usage`` for a column that is not there, with the nearest names, and for measured numbers.
    init(_ name: String, option: String, of source: CellSource) throws {
        let obs = SourceObs(file: source.file, cells: source.cellColumn)
        guard obs.columnNames.contains(name) else {
            let near = nearestNames(to: name, in: obs.columnNames)
            let names = near.isEmpty ? Array(obs.columnNames.prefix(10)) : near
            throw EmbDBError(
                .usage,
                "\(option) \(name): there is no such obs column (\(source.path)): "
                    + (names.isEmpty ? "there is none at all" : "there is \(names.joined(separator: ", "))"))
        }
        let column = try obs.column(name)
        do throws(EmbDBError) {
            labels = try GroupLabels(column, name: name)
        } catch {
            throw EmbDBError(
                .usage,
                "\(option) \(name): the obs column holds measured numbers (\(source.path)): name one of categories, whole "
                    + "numbers or true and false")
        }
    }

    /// Of a row; nil where it is missing.
    subscript(row: Int) -> String? { labels[row] }
}
