internal import CellTransformer

/// Masked cells as another program hands them over, in two arrays of one shape.
enum GivenExamples {
    /// Reads cells to learn from, in their order.
    ///
    /// - Parameters:
    ///   - inputs: an .npy of int32 [cells, length]: the tokens that the model reads, and -1 behind a cell's last one.
    ///   - labels: the tokens that it is to find there; below 0 where it is to find none.
    /// - Throws: ``EmbDBError/Code/input`` that names file, row and column.
    static func read(
        inputs: String, labels: String, _ configuration: BertConfiguration
    ) throws(EmbDBError) -> [TrainingExample] {
        let (tokens, wanted) = (try NPYFile.readIntegers(inputs), try NPYFile.readIntegers(labels))
        guard (tokens.rows, tokens.columns) == (wanted.rows, wanted.columns) else {
            throw EmbDBError(
                .input,
                "the labels are [\(wanted.rows), \(wanted.columns)], the inputs [\(tokens.rows), \(tokens.columns)] "
                    + "(\(labels), \(inputs)): give one label for each input")
        }
        guard tokens.rows > 0 else {
            throw EmbDBError(.input, "there is no cell in the array (\(inputs)): give one row a cell")
        }
        var examples: [TrainingExample] = []
        examples.reserveCapacity(tokens.rows)
        for row in 0..<tokens.rows {
            let places = row * tokens.columns..<(row + 1) * tokens.columns
            let cell = try cell(tokens.values[places], Place(file: inputs, row: row), configuration)
            var example = TrainingExample(tokens: cell, positions: [], labels: [])
            try add(wanted.values[places], to: &example, Place(file: labels, row: row), configuration)
            examples.append(example)
        }
        return examples
    }

    /// Where something is wrong.
    private struct Place {
        let file: String
        let row: Int

        func refused(_ what: String, column: Int? = nil, _ advice: String) -> EmbDBError {
            EmbDBError(.input, "\(what) (\(file), row \(row)\(column.map { ", column \($0)" } ?? "")): \(advice)")
        }
    }

    private static func cell(
        _ values: ArraySlice<Int32>, _ place: Place, _ configuration: BertConfiguration
    ) throws(EmbDBError) -> [UInt32] {
        var tokens: [UInt32] = []
        for (column, value) in values.enumerated() {
            if value == -1 { continue }
            guard value >= 0, value < configuration.vocabularySize else {
                throw place.refused(
                    "\(value) is no token", column: column,
                    "the model has 0 to \(configuration.vocabularySize - 1); write -1 behind a cell's last one")
            }
            guard tokens.count == column else {
                throw place.refused(
                    "there is a token behind the cell's end", column: column, "write -1 behind its last token alone")
            }
            tokens.append(UInt32(value))
        }
        guard !tokens.isEmpty else { throw place.refused("a cell without tokens", "leave the row out") }
        guard tokens.count <= configuration.maximumLength else {
            throw place.refused(
                "a cell of \(tokens.count) tokens", "the model has positions for \(configuration.maximumLength)")
        }
        return tokens
    }

    private static func add(
        _ values: ArraySlice<Int32>, to example: inout TrainingExample, _ place: Place,
        _ configuration: BertConfiguration
    ) throws(EmbDBError) {
        for (column, value) in values.enumerated() where value >= 0 {
            guard value < configuration.vocabularySize else {
                throw place.refused(
                    "\(value) is no token", column: column,
                    "the model has 0 to \(configuration.vocabularySize - 1); write -100 where nothing is to be found")
            }
            guard column < example.tokens.count else {
                throw place.refused(
                    "a label where the inputs have no token", column: column, "write -100 behind a cell's last token")
            }
            example.positions.append(column)
            example.labels.append(Int(value))
        }
    }
}
