/// The values of an obs column as names of groups of cells.
struct GroupLabels {
    /// Of every row; −1 where the value is missing.
    let codes: [Int32]
    /// By code.
    let values: [String]

    /// - Parameter name: the column's, for the error.
    /// - Throws: ``EmbDBError/Code/usage`` for a column of numbers that need not be whole.
    init(_ column: ObsColumn, name: String) throws(EmbDBError) {
        switch column {
        case .categories(let codes, let names):
            self.codes = codes
            values = names
        case .text(let texts):
            (codes, values) = Self.number(texts)
        case .integers(let numbers):
            (codes, values) = Self.number(numbers.map { $0 == .min ? nil : String($0) })
        case .numbers:
            throw Self.noGroups(name)
        }
    }

    static func noGroups(_ name: String) -> EmbDBError {
        EmbDBError(
            .usage,
            "--group-genes-by \(name): the obs column holds measured numbers: name one of categories, whole numbers or "
                + "true and false")
    }

    private static func number(_ texts: [String?]) -> (codes: [Int32], values: [String]) {
        var codes: [String: Int32] = [:]
        var values: [String] = []
        let numbers = texts.map { text -> Int32 in
            guard let text else { return -1 }
            if let code = codes[text] { return code }
            let code = Int32(values.count)
            codes[text] = code
            values.append(text)
            return code
        }
        return (numbers, values)
    }

    /// The values that some rows have.
    func values(of rows: [Int]) -> Set<String> {
        var isUsed = [Bool](repeating: false, count: values.count)
        for row in rows where codes[row] >= 0 { isUsed[Int(codes[row])] = true }
        return Set(values.indices.filter { isUsed[$0] }.map { values[$0] })
    }

    subscript(row: Int) -> String? { codes[row] < 0 ? nil : values[Int(codes[row])] }
}
