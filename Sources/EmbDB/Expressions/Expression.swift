/// An expression over obs columns that selects cells, such as
/// `disease == "DCM" and cell_type in ["cardiomyocyte", "fibroblast"] and not (n_genes < 500)`.
///
/// - A comparison with a missing value is false, `!=` too; `not` turns it round afterwards. `is missing` asks for it.
/// - Numbers compare as numbers, texts and categories as texts, by Unicode scalars. A text literal against numbers is
///   read as a number. A number literal against texts: equal if written alike or if the text reads as that number;
///   `<` and the like need every text to read as a number.
/// - `true` and `false` are the texts `True` and `False`; on a column that holds nothing else, case does not matter.
/// - `cell` is the cell id; an obs column of that name is reached in backticks.
package struct Expression: Sendable {
    /// As written.
    package let text: String
    let root: Node

    /// Reads an expression.
    ///
    /// - Throws: ``ExpressionError`` with the place.
    package static func parse(_ text: String) throws(ExpressionError) -> Expression {
        var parser = ExpressionParser(text, try ExpressionLexer.tokens(text))
        return Expression(text: text, root: try parser.expression())
    }

    /// The columns that it names; `cell` among them for the cell id.
    package var columns: Set<String> {
        var names: Set<String> = []
        root.collectColumns(into: &names)
        return names
    }

    indirect enum Node: Sendable {
        case comparison(Column, Comparison, Literal)
        case membership(Column, [Literal])
        case missing(Column)
        case not(Node)
        case and([Node])
        case or([Node])
    }

    struct Column: Sendable, Hashable {
        let name: String
        let isQuoted: Bool
        let position: Int

        var isCellID: Bool { name == "cell" && !isQuoted }
    }

    struct Literal: Sendable {
        enum Value: Sendable {
            case text(String)
            /// As written and as read.
            case number(String, Double)
        }
        let value: Value
        let position: Int

        var text: String {
            switch value {
            case .text(let text): text
            case .number(let text, _): text
            }
        }

        /// The number that it is or reads as.
        var number: Double? {
            switch value {
            case .text(let text): ExpressionNumber.read(text)
            case .number(_, let number): number
            }
        }
    }
}

/// How two values compare.
enum Comparison: String, Sendable, CaseIterable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="

    var isEquality: Bool { self == .equal || self == .notEqual }

    func holds<T: Comparable>(_ a: T, _ b: T) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }
}

extension Expression.Node {
    fileprivate func collectColumns(into names: inout Set<String>) {
        switch self {
        case .comparison(let column, _, _), .membership(let column, _), .missing(let column): names.insert(column.name)
        case .not(let node): node.collectColumns(into: &names)
        case .and(let nodes), .or(let nodes): for node in nodes { node.collectColumns(into: &names) }
        }
    }
}
