internal import AnnData
package import Numerics

extension Expression {
    /// The cells that the expression selects. All of it is checked, also what cannot change the answer.
    ///
    /// - Throws: ``ExpressionError``: a column that does not exist, a value of `==`, `!=` or `in` that no cell has, both
    ///   with the nearest existing ones; a text against a column of numbers, and the reverse. And what `table` throws.
    /// - Complexity: O(cells) for each comparison; columns are asked for once.
    package func evaluate(on table: some ObsTable) throws -> Bitmap {
        var evaluation = Evaluation(table: table, text: text)
        return try evaluation.evaluate(root)
    }
}

private struct Evaluation<Table: ObsTable> {
    let table: Table
    let text: String
    var columns: [String: ObsColumn] = [:]
    var cellIDs: ObsColumn?

    mutating func evaluate(_ node: Expression.Node) throws -> Bitmap {
        switch node {
        case .comparison(let column, let comparison, let literal):
            return try compare(column, comparison, [literal])
        case .membership(let column, let literals):
            return try compare(column, .equal, literals)
        case .missing(let column):
            return try isMissing(column)
        case .not(let node):
            var rows = try evaluate(node)
            rows.invert()
            return rows
        case .and(let nodes):
            var rows = Bitmap(count: table.cellCount, filled: true)
            for node in nodes { rows.formIntersection(try evaluate(node)) }
            return rows
        case .or(let nodes):
            var rows = Bitmap(count: table.cellCount)
            for node in nodes { rows.formUnion(try evaluate(node)) }
            return rows
        }
    }

    /// The rows whose value compares so with any of the literals.
    private mutating func compare(
        _ column: Expression.Column, _ comparison: Comparison, _ literals: [Expression.Literal]
    ) throws -> Bitmap {
        switch try values(column) {
        case .numbers(let values):
            let bounds = try numbers(literals, column)
            return select { row in !values[row].isNaN && bounds.contains { comparison.holds(values[row], $0) } }
        case .integers(let values):
            let bounds = zip(literals, try numbers(literals, column)).map { IntegerBound($0.text, $1) }
            return select { row in values[row] != .min && bounds.contains { $0.holds(values[row], comparison) } }
        case .categories(let codes, let names):
            var isUsed = [Bool](repeating: false, count: names.count)
            for code in codes where names.indices.contains(Int(code)) { isUsed[Int(code)] = true }
            let present = names.indices.filter { isUsed[$0] }.map { names[$0] }
            let test = try TextTest(comparison, literals, column, present, text)
            let holds = names.indices.map { isUsed[$0] && test.holds(names[$0]) }
            return select { row in holds.indices.contains(Int(codes[row])) && holds[Int(codes[row])] }
        case .text(let values):
            let present = Set(values.lazy.compactMap { $0 })
            let test = try TextTest(comparison, literals, column, present.sorted(), text)
            let chosen = present.filter(test.holds)
            return select { row in values[row].map(chosen.contains) ?? false }
        }
    }

    private mutating func isMissing(_ column: Expression.Column) throws -> Bitmap {
        switch try values(column) {
        case .numbers(let values): select { values[$0].isNaN }
        case .integers(let values): select { values[$0] == .min }
        case .categories(let codes, let names): select { !names.indices.contains(Int(codes[$0])) }
        case .text(let values): select { values[$0] == nil }
        }
    }

    private func select(_ holds: (Int) -> Bool) -> Bitmap {
        var rows = Bitmap(count: table.cellCount)
        for row in 0..<table.cellCount where holds(row) { rows[row] = true }
        return rows
    }

    private mutating func values(_ column: Expression.Column) throws -> ObsColumn {
        let found = try column.isCellID ? ids() : named(column)
        guard found.count == table.cellCount else {
            throw error(column.position, "column \(column.name) has \(found.count) values for \(table.cellCount) cells")
        }
        return found
    }

    private mutating func ids() throws -> ObsColumn {
        let found = try cellIDs ?? .text(table.cellIDs())
        cellIDs = found
        return found
    }

    private mutating func named(_ column: Expression.Column) throws -> ObsColumn {
        if let known = columns[column.name] { return known }
        let names = table.columnNames
        guard names.contains(column.name) else {
            let near = nearestNames(to: column.name, in: names + ["cell"])
            let all = names.isEmpty ? "there are none" : "there are \(names.prefix(10).joined(separator: ", "))"
            throw error(
                column.position,
                "no obs column \"\(column.name)\": "
                    + (near.isEmpty ? all + (names.count > 10 ? ", …" : "") : "did you mean \(list(near))?"))
        }
        let found = try table.column(column.name)
        columns[column.name] = found
        return found
    }

    private func numbers(_ literals: [Expression.Literal], _ column: Expression.Column) throws -> [Double] {
        try literals.map { literal in
            guard let number = literal.number else {
                throw error(
                    literal.position,
                    "column \(column.name) holds numbers, \"\(literal.text)\" is none: compare it with a number")
            }
            return number
        }
    }

    private func error(_ position: Int, _ message: String) -> ExpressionError {
        ExpressionError(text: text, position: position, message: message)
    }
}

/// Compares whole numbers with a Double as numbers, exactly: beyond 2^53 not every Int64 is a Double.
private struct IntegerBound {
    let whole: Int64?
    let number: Double

    init(_ text: String, _ number: Double) {
        whole = Int64(text) ?? Int64(exactly: number)
        self.number = number
    }

    func holds(_ value: Int64, _ comparison: Comparison) -> Bool {
        if let whole { return comparison.holds(value, whole) }
        // A fraction is below 2^52, where rounding keeps the order; anything else is outside of Int64.
        return abs(number) < 0x1p53 ? comparison.holds(Double(value), number) : comparison.holds(0, number)
    }
}

/// Compares texts with literals.
private struct TextTest {
    private let comparison: Comparison
    private let texts: Set<String>
    private let numbers: [Double]
    private let isBoolean: Bool

    /// `present` are the values that cells have, each once.
    init(
        _ comparison: Comparison, _ literals: [Expression.Literal], _ column: Expression.Column, _ present: [String],
        _ expression: String
    ) throws(ExpressionError) {
        func error(_ position: Int, _ message: String) -> ExpressionError {
            ExpressionError(text: expression, position: position, message: message)
        }
        self.comparison = comparison
        isBoolean = !present.isEmpty && present.allSatisfy(Self.isBoolean)
        var (texts, numbers): (Set<String>, [Double]) = ([], [])
        for literal in literals {
            switch literal.value {
            case .text(let text): texts.insert(isBoolean ? text.lowercased() : text)
            case .number(_, let number): numbers.append(number)
            }
        }
        (self.texts, self.numbers) = (texts, numbers)
        for literal in literals {
            if comparison.isEquality {
                if isBoolean && Self.isBoolean(literal.text) { continue }
                let alone = TextTest(literal, isBoolean)
                guard !present.contains(where: alone.holds) else { continue }
                let what =
                    column.isCellID ? "no cell \"\(literal.text)\"" : "no cell has \(column.name) \"\(literal.text)\""
                let near = nearestNames(to: literal.text, in: present)
                let some = present.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
                let advice =
                    !near.isEmpty
                    ? "did you mean \(list(near.map { "\"\($0)\"" }))?"
                    : present.isEmpty ? "all are missing" : "there are \(some)" + (present.count > 5 ? ", …" : "")
                throw error(literal.position, "\(what): \(advice)")
            } else if case .number = literal.value,
                let odd = present.first(where: { ExpressionNumber.read($0) == nil })
            {
                throw error(
                    literal.position,
                    "column \(column.name) holds texts such as \"\(odd)\", no numbers: compare it by ==, != or in")
            }
        }
    }

    private init(_ literal: Expression.Literal, _ isBoolean: Bool) {
        comparison = .equal
        self.isBoolean = isBoolean
        switch literal.value {
        case .text(let text): (texts, numbers) = ([isBoolean ? text.lowercased() : text], [])
        case .number(_, let number): (texts, numbers) = ([], [number])
        }
    }

    func holds(_ value: String) -> Bool {
        let text = isBoolean ? value.lowercased() : value
        switch comparison {
        case .equal: return isAmong(text)
        case .notEqual: return !isAmong(text)
        default:
            // Orders have one literal.
            if let bound = numbers.first {
                return ExpressionNumber.read(text).map { comparison.holds($0, bound) } ?? false
            }
            return texts.first.map { comparison.holds(ScalarOrder(text), ScalarOrder($0)) } ?? false
        }
    }

    private func isAmong(_ text: String) -> Bool {
        texts.contains(text) || (!numbers.isEmpty && ExpressionNumber.read(text).map(numbers.contains) ?? false)
    }

    private static func isBoolean(_ text: String) -> Bool { ["true", "false"].contains(text.lowercased()) }
}

/// Texts by their Unicode scalars, without Unicode's equivalences: the same everywhere.
private struct ScalarOrder: Comparable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (a: Self, b: Self) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    static func < (a: Self, b: Self) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
}

/// "a", "a or b", "a, b or c".
private func list(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " or " + last
}
