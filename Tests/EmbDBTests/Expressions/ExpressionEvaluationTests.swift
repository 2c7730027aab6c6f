import EmbDB
import Numerics
import Testing

/// Columns in memory.
private struct Columns: ObsTable {
    var cellCount: Int
    var columns: [String: ObsColumn]
    var ids: [String]

    var columnNames: [String] { columns.keys.sorted() }
    func column(_ name: String) throws -> ObsColumn { try #require(columns[name]) }
    func cellIDs() throws -> [String?] { ids }
}

@Suite struct ExpressionEvaluationTests {
    private let table = Columns(
        cellCount: 6,
        columns: [
            "disease": .categories(codes: [0, 1, -1, 0, 2, 1], names: ["DCM", "HCM", "none", "unused"]),
            "leiden": .categories(codes: [0, 1, 2, 3, 2, -1], names: ["0", "1", "10", "3.0"]),
            "n_genes": .numbers([100, 500, .nan, 499.5, -1, 1e6]),
            "n_counts": .integers([1, 2, .min, 9_007_199_254_740_993, .max, -5]),
            "donor": .text(["P1", nil, "p2", "P10", "é", "P1"]),
            "doublet": .categories(codes: [1, 0, 0, 1, -1, 0], names: ["False", "True"]),
            "control": .text(["TRUE", "TRUE", nil, nil, nil, "TRUE"]),
            "cell": .numbers([1, 2, 3, 4, 5, 6]), "empty": .text([nil, nil, nil, nil, nil, nil]),
        ],
        ids: ["AAAC-1", "AAAG-1", "AAAT-1", "CCCA-1", "CCCG-1", "17"])

    private func rows(_ text: String) throws -> [Int] { try Expression.parse(text).evaluate(on: table).rows }

    @Test(
        "Values compare as the column is",
        arguments: [
            ("disease == \"DCM\"", [0, 3]), ("disease != \"DCM\"", [1, 4, 5]),
            ("not disease == \"DCM\"", [1, 2, 4, 5]),
            ("not disease != \"DCM\"", [0, 2, 3]), ("disease in ['DCM', 'none']", [0, 3, 4]),
            ("not (disease in ['DCM', 'none'])", [1, 2, 5]), ("disease is missing", [2]),
            ("disease is not missing", [0, 1, 3, 4, 5]), ("disease < \"HCM\"", [0, 3]),
            ("disease >= \"HCM\"", [1, 4, 5]),
            ("disease > \"I\"", [4]),
            ("n_genes < 500", [0, 3, 4]), ("not (n_genes < 500)", [1, 2, 5]), ("n_genes >= '500'", [1, 5]),
            ("n_genes == 499.5", [3]), ("n_genes != 100", [1, 3, 4, 5]), ("n_genes in [100, -1, 7]", [0, 4]),
            ("n_genes == 12345", []), ("n_genes is missing", [2]), ("n_genes > -1e-3", [0, 1, 3, 5]),
            ("n_counts == 2", [1]), ("n_counts > 1.5", [1, 3, 4]), ("n_counts <= -5.0", [5]),
            ("n_counts is missing", [2]),
            ("n_counts == 9007199254740993", [3]), ("n_counts == 9007199254740992", []),
            ("n_counts >= 9007199254740992", [3, 4]),
            ("n_counts < 1e300", [0, 1, 3, 4, 5]), ("n_counts > -1e300", [0, 1, 3, 4, 5]),
            ("n_counts == 9223372036854775808", []),
            ("leiden == 1", [1]), ("leiden == '1'", [1]), ("leiden == 3", [3]), ("leiden == 1e1", [2, 4]),
            ("leiden < 3", [0, 1]), ("leiden < '3'", [0, 1, 2, 4]), ("leiden in [0, '10']", [0, 2, 4]),
            ("leiden != 10", [0, 1, 3]),
            ("donor == \"P1\"", [0, 5]), ("donor != \"P1\"", [2, 3, 4]), ("donor is missing", [1]),
            ("donor > \"P1\"", [2, 3, 4]),
            ("donor < \"p\"", [0, 3, 5]),
            ("doublet == true", [0, 3]), ("doublet == False", [1, 2, 5]), ("doublet == 'TRUE'", [0, 3]),
            ("doublet != true", [1, 2, 5]), ("doublet in [true, false]", [0, 1, 2, 3, 5]), ("control == false", []),
            ("control == True", [0, 1, 5]),
            ("cell == \"AAAC-1\"", [0]), ("cell in ['AAAG-1', 'CCCG-1']", [1, 4]), ("cell == 17", [5]),
            ("cell != 'AAAC-1'", [1, 2, 3, 4, 5]), ("`cell` > 4", [4, 5]), ("empty is missing", [0, 1, 2, 3, 4, 5]),
            ("disease == 'DCM' or disease == 'HCM' and n_genes > 1000", [0, 3, 5]),
            ("(disease == 'DCM' or disease == 'HCM') and n_genes > 1000", [5]),
            ("not disease == 'DCM' and n_genes > 0", [1, 5]),
            ("not (disease == 'DCM' and n_genes > 100)", [0, 1, 2, 4, 5]),
        ] as [(String, [Int])])
    func comparisons(text: String, expected: [Int]) throws { #expect(try rows(text) == expected) }

    @Test(
        "A wrong column or value is named with what is near it, wherever it stands",
        arguments: [
            ("diseas == 'DCM'", 0, "no obs column \"diseas\": did you mean disease?"),
            ("n_genes > 0 and N_gene < 5", 16, "n_genes"), ("cel == 'x'", 0, "cell"),
            ("disease == 'DMC'", 11, "no cell has disease \"DMC\": did you mean \"DCM\"?"),
            ("disease == 'unused'", 11, "no cell has disease \"unused\""),
            ("disease != 'dcm'", 11, "did you mean \"DCM\""), ("disease in ['DCM', 'HMC']", 19, "\"HCM\""),
            ("disease == 'zzzzzz'", 11, "there are \"DCM\", \"HCM\", \"none\""),
            ("cell == 'AAAC-2'", 8, "no cell \"AAAC-2\": did you mean \"AAAC-1\""),
            ("cell in ['AAAC-1', 'GGGG']", 19, "GGGG"),
            ("n_genes < 'many'", 10, "column n_genes holds numbers, \"many\" is none"),
            ("n_counts == true", 12, "holds numbers"), ("disease < 5", 10, "no numbers"),
            ("donor == 5", 9, "no cell has donor \"5\""), ("empty == 'x'", 9, "all are missing"),
            ("doublet == 'maybe'", 11, "maybe"), ("leiden == 7", 10, "no cell has leiden \"7\""),
            // Nothing is skipped because the answer is known already.
            ("n_genes > 1e9 and disease == 'DMC'", 29, "DMC"), ("n_genes < 1e9 or diseas is missing", 17, "diseas"),
        ] as [(String, Int, String)])
    func errors(text: String, position: Int, part: String) throws {
        let error = #expect(throws: ExpressionError.self) { try rows(text) }
        #expect(error?.position == position)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test("An expression on no cells selects none")
    func noCells() throws {
        let none = Columns(cellCount: 0, columns: ["a": .numbers([])], ids: [])
        #expect(try Expression.parse("a > 1 or a is missing").evaluate(on: none).rows == [])
    }

    @Test("A table with too few values is an error, not a crash")
    func shortColumn() throws {
        let short = Columns(cellCount: 3, columns: ["a": .numbers([1])], ids: [])
        for text in ["a > 0", "a is missing", "cell == 'x'"] {
            #expect(throws: ExpressionError.self) { try Expression.parse(text).evaluate(on: short) }
        }
    }

    @Test(
        "Random expressions select what a naive interpreter selects, cell by cell", arguments: [1, 2, 3, 4] as [UInt64])
    func oracle(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let count = 150
        let names = ["alpha", "beta", "gamma"]
        let codes = (0..<count).map { $0 < 3 ? Int32($0) : Int32(random.next() % 4) - 1 }
        let numbers = (0..<count).map { _ in random.next() % 5 == 0 ? Double.nan : Double(random.next() % 10) }
        let integers = (0..<count).map { _ in random.next() % 5 == 0 ? Int64.min : Int64(random.next() % 10) }
        let table = Columns(
            cellCount: count,
            columns: ["c": .categories(codes: codes, names: names), "x": .numbers(numbers), "i": .integers(integers)],
            ids: (0..<count).map { "cell \($0)" })

        /// An expression and what it says of one cell, made together.
        func make(_ depth: Int) -> (String, (Int) -> Bool) {
            switch depth == 0 ? random.next() % 5 : random.next() % 8 {
            case 0:
                let name = names[Int(random.next() % 3)]
                let equal = random.next() % 2 == 0
                return (
                    "c \(equal ? "==" : "!=") '\(name)'", { codes[$0] >= 0 && (names[Int(codes[$0])] == name) == equal }
                )
            case 1:
                let chosen = names.filter { _ in random.next() % 2 == 0 } + ["beta"]
                let list = chosen.map { "\"\($0)\"" }.joined(separator: ", ")
                return ("c in [\(list)]", { codes[$0] >= 0 && chosen.contains(names[Int(codes[$0])]) })
            case 2:
                let bound = Double(random.next() % 10)
                return random.next() % 2 == 0
                    ? ("x < \(bound)", { numbers[$0] < bound }) : ("x >= \(bound)", { numbers[$0] >= bound })
            case 3:
                let bound = Int64(random.next() % 10)
                return random.next() % 2 == 0
                    ? ("i != \(bound)", { integers[$0] != .min && integers[$0] != bound })
                    : ("i > \(bound)", { integers[$0] != .min && integers[$0] > bound })
            case 4:
                let inverted = random.next() % 2 == 0
                return ("x is \(inverted ? "not " : "")missing", { numbers[$0].isNaN != inverted })
            case 5:
                let (text, holds) = make(depth - 1)
                return ("not (\(text))", { !holds($0) })
            case 6:
                let ((a, first), (b, second)) = (make(depth - 1), make(depth - 1))
                return ("(\(a)) and (\(b))", { first($0) && second($0) })
            default:
                let ((a, first), (b, second)) = (make(depth - 1), make(depth - 1))
                return ("(\(a) or \(b))", { first($0) || second($0) })
            }
        }
        for _ in 0..<80 {
            let (text, holds) = make(5)
            let rows = try Expression.parse(text).evaluate(on: table).rows
            #expect(rows == (0..<count).filter(holds), "\(text)")
        }
    }
}
