import Foundation

/// A command that changes a database, and what has to be in it afterwards by a model of its own: a dictionary.
struct Operation {
    enum Kind: String, CaseIterable {
        case ingest, replace, skip, `import`, importReplace = "import, replace", group = "group genes", delete, compact,
            backup
    }

    let kind: Kind
    var arguments: [String]
    /// Cells that go.
    var removed: Set<String> = []
    /// Cells that come, or take the place of others.
    var added: [String: Cell] = [:]
    /// Embeddings are computed: equal to rounding, as what is computed together decides.
    var isComputed = false
    /// The file that a backup is written to.
    var copy: String?

    /// Whether the same command after a kill has to succeed even if all was done before.
    var isRepeatable: Bool { kind != .delete }

    /// Checks that after the operation there is what has to be there, and nothing else.
    ///
    /// - Throws: ``Loss`` with the first cell that is not as it should be.
    func check(_ after: [String: Cell], from before: [String: Cell]) throws {
        for (id, cell) in before where added[id] == nil && !removed.contains(id) {
            guard let found = after[id] else {
                throw Loss("cell \(id) is gone, which this \(kind.rawValue) leaves alone")
            }
            guard found == cell else { throw Loss("cell \(id) has changed, which this \(kind.rawValue) leaves alone") }
        }
        for (id, cell) in after where added[id] != nil || before[id] == nil {
            guard let expected = added[id] else { throw Loss("cell \(id) is there, and nobody brought it") }
            guard isSame(cell, expected) else { throw Loss("cell \(id) is not the one that was brought") }
        }
        if let id = added.keys.first(where: { after[$0] == nil }) {
            throw Loss("cell \(id) was brought and is not there")
        }
        if let id = removed.first(where: { after[$0] != nil && added[$0] == nil }) {
            throw Loss("cell \(id) was deleted and is there")
        }
    }

    private func isSame(_ a: Cell, _ b: Cell) -> Bool {
        guard a.obs == b.obs else { return false }
        guard isComputed else { return a.embedding == b.embedding }
        return zip(floats(a.embedding), floats(b.embedding)).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($1)) }
    }

    private func floats(_ data: Data) -> [Float] {
        Array(data).withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}

/// `A == "x" and B < 5`, evaluated here as well as by embdb.
struct Condition {
    enum Test {
        case equals(String)
        case below(Int)
        case among([String])
    }

    var tests: [(column: String, test: Test)]

    var text: String {
        tests.map { column, test in
            let name = column.contains(" ") ? "`\(column)`" : column
            return switch test {
            case .equals(let value): "\(name) == \"\(value)\""
            case .below(let bound): "\(name) < \(bound)"
            case .among(let values): "\(name) in [\(values.map { "\"\($0)\"" }.joined(separator: ", "))]"
            }
        }.joined(separator: " and ")
    }

    func selects(_ id: String, _ cell: Cell) -> Bool {
        tests.allSatisfy { column, test in
            guard let value = column == "cell" ? id : cell.obs[column] else { return false }
            return switch test {
            case .equals(let wanted): value == wanted
            case .below(let bound): Double(value).map { $0 < Double(bound) } ?? false
            case .among(let values): values.contains(value)
            }
        }
    }
}
