/// A wrong obs expression: the text, where in it, and what is wrong.
package struct ExpressionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The whole expression.
    package let text: String
    /// Characters before the wrong place; the length of `text` if it ends too early.
    package let position: Int
    /// What is wrong and what to do, in one line.
    package let message: String

    /// The expression, and below it a caret under the wrong place.
    package var details: String? {
        let line = String(text.map { $0.isWhitespace ? " " : $0 })
        return line + "\n" + String(repeating: " ", count: position) + "^"
    }

    /// Three lines: the expression, the caret, the message.
    package var description: String { (details.map { $0 + "\n" } ?? "") + message }
}
