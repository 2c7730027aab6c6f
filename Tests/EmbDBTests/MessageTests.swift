import EmbDB
import Testing

/// What a message quotes comes from files and arguments.
@Suite struct MessageTests {
    @Test("a message is one line that cannot command the terminal")
    func controlCharacters() throws {
        let error = #expect(throws: EmbDBError.self) { _ = try Database.open("no\nsuch\u{1B}[2J\u{85}file\u{2028}é") }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains(#"no\nsuch\u{1B}[2J\u{0085}file\u{2028}é"#) == true, "\(error?.message ?? "")")
    }

    @Test("the lines of an expression stay lines, and the caret stands below the wrong place")
    func expression() throws {
        let wrong = "a\n== \u{1B} 1"
        let found = #expect(throws: ExpressionError.self) { _ = try Expression.parse(wrong) }
        let error = EmbDBError(wrapping: try #require(found))
        #expect(error.message.hasPrefix(#""\u{1B}" means nothing here"#), "\(error.message)")
        #expect(error.details == "a ==   1\n     ^")
    }
}
