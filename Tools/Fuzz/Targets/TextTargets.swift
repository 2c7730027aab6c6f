import EmbDB
import Numerics
import Tokenizers

/// Expressions over obs, parsed and evaluated on a small table.
enum ExpressionTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        let expression: Expression
        do throws(ExpressionError) {
            expression = try Expression.parse(text)
        } catch {
            require(error.position >= 0 && error.position <= text.count, "a place outside of the text")
            return check(error)
        }
        refusing {
            let rows = try expression.evaluate(on: SmallTable())
            require(rows.count == SmallTable().cellCount, "rows of another table")
            // Deeper by one is allowed to be too deep.
            guard let inverted = try? Expression.parse("not (\(text))") else { return }
            var rest = try inverted.evaluate(on: SmallTable())
            rest.invert()
            require(rest == rows, "not (…) is no complement")
        }
    }
}

private struct SmallTable: ObsTable {
    let cellCount = 6
    let columnNames = ["disease", "n_genes", "score", "is_doublet", "note", "cell type"]

    func column(_ name: String) throws -> ObsColumn {
        switch name {
        case "disease": .categories(codes: [0, 1, -1, 2, 1, 0], names: ["DCM", "HCM", "healthy"])
        case "n_genes": .integers([500, 0, .min, -3, .max, 12_345])
        case "score": .numbers([0.5, -.infinity, .nan, 1e308, -0.0, 0x1p53])
        case "is_doublet": .categories(codes: [0, 1, 1, -1, 0, 0], names: ["False", "True"])
        case "note": .text(["a", nil, "12", "é", "e\u{301}", ""])
        default: .text(["T cell", "B cell", "\"", "`", "\\", "T cell"])
        }
    }

    func cellIDs() throws -> [String?] { ["AAAC-1", "AAAG-1", "CCTA-1", "1", "and", "ü"] }
}

/// A vocabulary table, and what is written from it reads back the same.
enum VocabularyTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        refusing {
            let vocabulary = try Vocabulary(table: bytes)
            let text = vocabulary.tableText()
            require(try Vocabulary(table: Array(text.utf8)).tableText() == text, "another table after writing")
        }
    }
}

/// Query vectors from NumPy.
enum NPYTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        let path = Scratch.write(bytes, "query.npy")
        refusing {
            let vectors = try NPYFile.readVectors(path)
            require(vectors.allSatisfy { $0.allSatisfy(\.isFinite) }, "a vector that is not finite")
        }
    }
}
