import EmbDB
import Numerics
import Testing

@Suite struct ExpressionParsingTests {
    @Test(
        "What the grammar allows is read",
        arguments: [
            "a == 1", "a==1", "a != -1.5e-3", "a < .5", "a <= +2", "a > 1e10", "a >= 7", "a == \"x\"", "a == 'it\\'s'",
            "a in [1]", "a in ['x', \"y\", 3, true]", "a is missing", "a is not missing", "not a is missing",
            "not not a == 1", "(a == 1)", "((a == 1) or (b == 2)) and not (c == 3 and d == 4)",
            "`with space` == \"x\"", "`and` == 1", "percent.mito < 5", "a == TRUE", "a == False", "cell == 'AAAC-1'",
            "größe == \"ü\"", "  a\n==\t1  ", "a == ''", "a==1 and b==2 or c==3",
        ])
    func valid(text: String) throws {
        let expression = try Expression.parse(text)
        #expect(expression.text == text)
        #expect(!expression.columns.isEmpty)
    }

    @Test(
        "What it does not allow is refused at its place",
        arguments: [
            ("", 0), ("   ", 3), ("a", 1), ("a ==", 4), ("a = 1", 2), ("a ! 1", 2), ("== 1", 0), ("a == b", 5),
            ("a == 1 b", 7), ("a == 1 and", 10), ("and a == 1", 0), ("a == and", 5), ("(a == 1", 0), ("(a == 1 ]", 8),
            ("a == 1)", 6), ("a in 1", 5), ("a in []", 6), ("a in [1", 7), ("a in [1,]", 8), ("a in [1 2]", 8),
            ("a is 1", 5), ("a is not 1", 9), ("a not in [1]", 2), ("a == \"x", 5), ("a == 'x\\", 5), ("`a == 1", 0),
            ("`` == 1", 0), ("a == 1x", 5), ("a == 1e999", 5), ("a == 0x10", 5), ("a == -", 5), ("a == 1.2.3", 5),
            ("a == -inf", 5), ("a ~ 1", 2), ("\"a\" == 1", 0), ("1 == a", 0), ("a == 1 && b == 2", 7), ("not", 3),
            ("ü == 'é' und b == 1", 9), ("a < < 1", 4), ("a == [1]", 5), ("missing is missing", 0), ("(", 1), (")", 0),
            ("é == \"x", 5), ("é🧬 == 1", 1),
        ] as [(String, Int)])
    func invalid(text: String, position: Int) throws {
        let error = #expect(throws: ExpressionError.self) { try Expression.parse(text) }
        #expect(error?.position == position, "\(error?.description ?? "")")
        let lines = (error?.description ?? "").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.count == 3)
        #expect(lines.dropFirst().first == String(repeating: " ", count: position) + "^")
        #expect(lines.last == error?.message)
    }

    @Test("A line break in the text does not move the caret to another line")
    func lineBreaks() throws {
        let error = #expect(throws: ExpressionError.self) { try Expression.parse("a == 1\r\nand b = 2") }
        #expect(error?.details == "a == 1 and b = 2\n" + String(repeating: " ", count: 13) + "^")
    }

    @Test("Nesting has a limit, length has none")
    func depth() throws {
        let deep = { (count: Int) in
            String(repeating: "(", count: count) + "a == 1" + String(repeating: ")", count: count)
        }
        _ = try Expression.parse(deep(90))
        for text in [deep(101), deep(100_000), String(repeating: "not ", count: 100_000) + "a == 1"] {
            #expect(throws: ExpressionError.self) { try Expression.parse(text) }
        }
        let long = Array(repeating: "a == 1", count: 20_000).joined(separator: " or ")
        #expect(try Expression.parse(long).columns == ["a"])
    }

    @Test("The columns that it names are known before it is evaluated")
    func columns() throws {
        let text = "a == 1 and (`b c` in ['x'] or not cell == 'y') and d is missing and a < 3"
        #expect(try Expression.parse(text).columns == ["a", "b c", "cell", "d"])
    }

    @Test("Random words never crash the parser", arguments: [1, 2, 3] as [UInt64])
    func fuzz(seed: UInt64) throws {
        let words = [
            "a", "`b c`", "==", "!=", "<", "<=", ">", ">=", "=", "!", "in", "[", "]", "(", ")", ",", "and", "or", "not",
            "is",
            "missing", "1", "-2.5", "1e", "'x'", "\"y\"", "'", "\"", "`", "\\", "true", "cell", "é", "\u{301}", "\0",
            "🧬", "-", ".",
        ]
        var random = SeededRandom(seed: seed)
        var read = 0
        for _ in 0..<3_000 {
            let text = (0..<Int(random.next() % 14)).map { _ in words[Int(random.next() % UInt64(words.count))] }
                .joined(separator: random.next() % 3 == 0 ? "" : " ")
            do {
                _ = try Expression.parse(text)
                read += 1
            } catch {
                #expect(error.position >= 0 && error.position <= text.count)
                #expect(!error.message.isEmpty && !error.message.contains("\n"))
            }
        }
        #expect(read > 0)
    }
}
