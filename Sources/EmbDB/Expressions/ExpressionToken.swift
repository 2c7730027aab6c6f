/// A word of an expression and where it begins.
struct ExpressionToken: Equatable {
    enum Kind: Equatable {
        /// A bare word: a column, a keyword, or true and false.
        case word(String)
        /// A column in backticks.
        case quotedColumn(String)
        case text(String)
        /// A number, as written and as read.
        case number(String, Double)
        case comparison(Comparison)
        case leftParenthesis
        case rightParenthesis
        case leftBracket
        case rightBracket
        case comma
        case end
    }

    let kind: Kind
    /// Characters before it.
    let position: Int

    /// How an error calls it.
    var name: String {
        switch kind {
        case .word(let word): "\"\(word)\""
        case .quotedColumn(let name): "`\(name)`"
        case .text(let text): "the text \"\(text)\""
        case .number(let text, _): "the number \(text)"
        case .comparison(let comparison): "\"\(comparison.rawValue)\""
        case .leftParenthesis: "\"(\""
        case .rightParenthesis: "\")\""
        case .leftBracket: "\"[\""
        case .rightBracket: "\"]\""
        case .comma: "\",\""
        case .end: "the end"
        }
    }
}

/// Cuts an expression into tokens.
///
/// Texts stand in double or single quotes; a backslash in them takes the next character as it is, except for `\n` and
/// `\t`. Columns in backticks know no escapes. Words are letters, digits, `_` and `.`, not beginning with a digit.
struct ExpressionLexer {
    private let text: String
    private let characters: [Character]
    private var next = 0

    init(_ text: String) {
        self.text = text
        characters = Array(text)
    }

    static func tokens(_ text: String) throws(ExpressionError) -> [ExpressionToken] {
        var lexer = ExpressionLexer(text)
        var tokens: [ExpressionToken] = []
        while true {
            let token = try lexer.token()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private mutating func token() throws(ExpressionError) -> ExpressionToken {
        while let character = current, character.isWhitespace { next += 1 }
        let start = next
        guard let character = current else { return ExpressionToken(kind: .end, position: start) }
        let kind: ExpressionToken.Kind
        switch character {
        case "(": kind = single(.leftParenthesis)
        case ")": kind = single(.rightParenthesis)
        case "[": kind = single(.leftBracket)
        case "]": kind = single(.rightBracket)
        case ",": kind = single(.comma)
        case "=", "!", "<", ">": kind = .comparison(try comparison())
        case "\"", "'": kind = .text(try quoted(by: character))
        case "`": kind = .quotedColumn(try column())
        case "0"..."9", "-", ".", "+": kind = try number()
        default:
            guard Self.isWord(character) else {
                throw error(start, "\"\(character)\" means nothing here: put texts in quotes, columns in backticks")
            }
            kind = .word(word())
        }
        return ExpressionToken(kind: kind, position: start)
    }

    private var current: Character? { next < characters.count ? characters[next] : nil }

    private mutating func single(_ kind: ExpressionToken.Kind) -> ExpressionToken.Kind {
        next += 1
        return kind
    }

    private mutating func comparison() throws(ExpressionError) -> Comparison {
        let start = next
        next += 1
        if current == "=", let two = Comparison(rawValue: "\(characters[start])=") {
            next += 1
            return two
        }
        if let one = Comparison(rawValue: String(characters[start])) { return one }
        throw error(
            start, characters[start] == "=" ? "one \"=\": write \"==\"" : "\"!\" alone: write \"!=\" or \"not\"")
    }

    private mutating func quoted(by quote: Character) throws(ExpressionError) -> String {
        let start = next
        next += 1
        var result = ""
        while let character = current {
            next += 1
            if character == quote { return result }
            guard character == "\\" else {
                result.append(character)
                continue
            }
            guard let escaped = current else { break }
            next += 1
            result.append(escaped == "n" ? "\n" : escaped == "t" ? "\t" : escaped)
        }
        throw error(start, "the text that begins here has no end: add \(quote)")
    }

    private mutating func column() throws(ExpressionError) -> String {
        let start = next
        next += 1
        while let character = current, character != "`" { next += 1 }
        guard current != nil else { throw error(start, "the column that begins here has no end: add `") }
        next += 1
        guard next - start > 2 else { throw error(start, "a column without a name: write it between the backticks") }
        return String(characters[start + 1..<next - 1])
    }

    private mutating func number() throws(ExpressionError) -> ExpressionToken.Kind {
        let start = next
        next += 1
        while let character = current {
            let previous = characters[next - 1]
            let isSign = (character == "-" || character == "+") && (previous == "e" || previous == "E")
            guard Self.isWord(character) || isSign else { break }
            next += 1
        }
        let text = String(characters[start..<next])
        guard let value = ExpressionNumber.read(text) else {
            throw error(
                start, "\"\(text)\" is no number: put texts in quotes, columns that begin with a digit in backticks")
        }
        return .number(text, value)
    }

    private mutating func word() -> String {
        let start = next
        while let character = current, Self.isWord(character) { next += 1 }
        return String(characters[start..<next])
    }

    private static func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "."
    }

    private func error(_ position: Int, _ message: String) -> ExpressionError {
        ExpressionError(text: text, position: position, message: message)
    }
}

/// How expressions read numbers: decimal, with an exponent if need be, finite.
enum ExpressionNumber {
    static func read(_ text: some StringProtocol) -> Double? {
        // Double reads "inf", "nan" and hexadecimal, too.
        guard let first = text.utf8.first, text.utf8.contains(where: { $0 >= 0x30 && $0 <= 0x39 }),
            first != UInt8(ascii: "e"), first != UInt8(ascii: "E"),
            text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || "+-.eE".utf8.contains($0) }),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }
}
