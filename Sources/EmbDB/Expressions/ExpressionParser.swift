/// Reads tokens by recursive descent:
///
/// ```
/// expression = or, end
/// or         = and { "or" and }
/// and        = not { "and" not }
/// not        = "not" not | primary
/// primary    = "(" or ")" | column test
/// test       = comparison literal | "in" "[" literal { "," literal } "]" | "is" [ "not" ] "missing"
/// ```
struct ExpressionParser {
    /// Nested parentheses and nots; the stack holds far more.
    private static let maximumDepth = 100
    private static let keywords: Set<String> = ["and", "or", "not", "in", "is", "missing"]

    private let text: String
    private let tokens: [ExpressionToken]
    private var next = 0
    private var depth = 0

    init(_ text: String, _ tokens: [ExpressionToken]) {
        self.text = text
        self.tokens = tokens
    }

    mutating func expression() throws(ExpressionError) -> Expression.Node {
        if token.kind == .end { throw error("the expression is empty: write one such as disease == \"DCM\"") }
        let node = try or()
        guard token.kind == .end else {
            throw error("\(token.name) where \"and\", \"or\" or the end is expected: join two conditions by and or or")
        }
        return node
    }

    private mutating func or() throws(ExpressionError) -> Expression.Node {
        var nodes = [try and()]
        while take("or") { nodes.append(try and()) }
        return nodes.count == 1 ? nodes[0] : .or(nodes)
    }

    private mutating func and() throws(ExpressionError) -> Expression.Node {
        var nodes = [try not()]
        while take("and") { nodes.append(try not()) }
        return nodes.count == 1 ? nodes[0] : .and(nodes)
    }

    private mutating func not() throws(ExpressionError) -> Expression.Node {
        guard depth < Self.maximumDepth else {
            throw error("nested deeper than \(Self.maximumDepth) levels: write fewer parentheses")
        }
        depth += 1
        defer { depth -= 1 }
        return take("not") ? .not(try not()) : try primary()
    }

    private mutating func primary() throws(ExpressionError) -> Expression.Node {
        if token.kind == .leftParenthesis {
            let opening = token
            next += 1
            let node = try or()
            guard token.kind == .rightParenthesis else {
                throw token.kind == .end
                    ? error("this parenthesis is not closed: add )", at: opening.position)
                    : error("\(token.name) where \"and\", \"or\" or \")\" is expected: add one of them")
            }
            next += 1
            return node
        }
        let column = try column()
        switch token.kind {
        case .comparison(let comparison):
            next += 1
            return .comparison(column, comparison, try literal())
        case .word("in"):
            next += 1
            return .membership(column, try list())
        case .word("is"):
            next += 1
            let isInverted = take("not")
            guard take("missing") else {
                throw error("\(token.name) where \"missing\" is expected: write is missing or is not missing")
            }
            return isInverted ? .not(.missing(column)) : .missing(column)
        case .word("not"):
            throw error("\"not\" where \"in\" is expected: write not (\(column.name) in [..])")
        default:
            throw error(
                "\(token.name) where a comparison is expected: write \(column.name) == VALUE, \(column.name) in [..] or "
                    + "\(column.name) is missing")
        }
    }

    private mutating func column() throws(ExpressionError) -> Expression.Column {
        let start = token
        switch start.kind {
        case .quotedColumn(let name):
            next += 1
            return Expression.Column(name: name, isQuoted: true, position: start.position)
        case .word(let name) where !Self.keywords.contains(name):
            next += 1
            return Expression.Column(name: name, isQuoted: false, position: start.position)
        case .text(let text):
            throw error("\(start.name) where a column is expected: put columns in backticks, `\(text)`")
        default:
            throw error("\(start.name) where a column is expected: name a column of obs, or cell")
        }
    }

    private mutating func list() throws(ExpressionError) -> [Expression.Literal] {
        guard token.kind == .leftBracket else {
            throw error("\(token.name) where \"[\" is expected: write in [\"a\", \"b\"]")
        }
        next += 1
        var literals = [try literal()]
        while token.kind == .comma {
            next += 1
            literals.append(try literal())
        }
        guard token.kind == .rightBracket else {
            throw error("\(token.name) where \",\" or \"]\" is expected: write in [\"a\", \"b\"]")
        }
        next += 1
        return literals
    }

    private mutating func literal() throws(ExpressionError) -> Expression.Literal {
        let start = token
        let value: Expression.Literal.Value
        switch start.kind {
        case .text(let text): value = .text(text)
        case .number(let text, let number): value = .number(text, number)
        case .word(let word) where word.lowercased() == "true": value = .text("True")
        case .word(let word) where word.lowercased() == "false": value = .text("False")
        case .word(let word) where !Self.keywords.contains(word):
            throw error("\(start.name) where a value is expected: put texts in quotes, \"\(word)\"")
        default:
            throw error("\(start.name) where a value is expected: write a number, or a text in quotes")
        }
        next += 1
        return Expression.Literal(value: value, position: start.position)
    }

    /// The lexer ends every list of tokens with `end`, which nothing takes.
    private var token: ExpressionToken { tokens[next] }

    private mutating func take(_ keyword: String) -> Bool {
        guard token.kind == .word(keyword) else { return false }
        next += 1
        return true
    }

    private func error(_ message: String, at position: Int? = nil) -> ExpressionError {
        ExpressionError(text: text, position: position ?? token.position, message: message)
    }
}
