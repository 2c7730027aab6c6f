import Foundation

/// Draws operations that fit what is in a database.
struct Choice {
    let sources: Sources
    /// Computed embeddings and tokens, or imported ones.
    let isComputed: Bool
    private var nextPrefix = 0
    /// What was brought under which prefix.
    private var brought: [(source: Source, prefix: String)] = []

    init(sources: Sources, isComputed: Bool) {
        self.sources = sources
        self.isComputed = isComputed
    }

    mutating func next(on database: String, _ cells: [String: Cell], _ random: inout Random) -> Operation {
        if cells.isEmpty { return bring(to: database, cells, &random) }
        switch random.below(100) {
        case 0..<40: return bring(to: database, cells, &random)
        case 40..<55: return bringAgain(to: database, cells, &random)
        case 55..<62 where isComputed:
            return Operation(
                kind: .group,
                arguments: ["genes", database, "--group-genes-by", random.pick(["disease", "cell_type"])])
        case 62..<80 where sources.verbs.contains("delete"): return delete(from: database, cells, &random)
        case 80..<90 where sources.verbs.contains("compact"):
            return Operation(kind: .compact, arguments: ["compact", database])
        case 90..<100 where sources.verbs.contains("backup"):
            return Operation(
                kind: .backup, arguments: ["backup", database, database + ".copy"], copy: database + ".copy")
        default: return bring(to: database, cells, &random)
        }
    }

    /// New cells, all of a file or those of an expression.
    mutating func bring(to database: String, _ cells: [String: Cell], _ random: inout Random) -> Operation {
        let source = random.pick(isComputed ? sources.counts : sources.vectors)
        nextPrefix += 1
        let prefix = "p\(nextPrefix)_"
        brought.append((source, prefix))
        let condition = random.chance(0.5) || source.cells.count > 5000 ? condition(on: source.cells, &random) : nil
        return operation(isComputed ? .ingest : .import, source, prefix, condition, "error", database, cells)
    }

    /// Cells of ids that are there, from the same file or from one with other values.
    private mutating func bringAgain(to database: String, _ cells: [String: Cell], _ random: inout Random) -> Operation
    {
        guard let (last, prefix) = brought.randomElement(using: &random) else {
            return bring(to: database, cells, &random)
        }
        let same = (isComputed ? sources.counts : sources.vectors).filter { source in
            source.name == last.name || source.cells.keys.contains { last.cells[$0] != nil }
        }
        let source = random.pick(same.sorted { $0.name < $1.name })
        let condition = random.chance(0.3) || source.cells.count > 5000 ? condition(on: source.cells, &random) : nil
        if isComputed, random.chance(0.3) {
            return operation(.skip, source, prefix, condition, "skip", database, cells)
        }
        return operation(
            isComputed ? .replace : .importReplace, source, prefix, condition, "replace", database, cells)
    }

    private func operation(
        _ kind: Operation.Kind, _ source: Source, _ prefix: String, _ condition: Condition?, _ conflict: String,
        _ database: String, _ cells: [String: Cell]
    ) -> Operation {
        var added: [String: Cell] = [:]
        for (id, cell) in source.cells where condition?.selects(id, cell) ?? true {
            if conflict != "skip" || cells[prefix + id] == nil { added[prefix + id] = cell }
        }
        let verb =
            isComputed
            ? ["ingest", database, source.path, "--model", sources.model]
            : ["import", database, source.path, "--obsm", Sources.key]
        return Operation(
            kind: kind,
            arguments: verb + ["--id-prefix", prefix, "--on-conflict", conflict]
                + (condition.map { ["--where", $0.text] } ?? []),
            added: added, isComputed: isComputed)
    }

    private func delete(from database: String, _ cells: [String: Cell], _ random: inout Random) -> Operation {
        let condition: Condition
        if random.chance(0.3) {
            let ids = cells.keys.sorted()
            condition = Condition(tests: [("cell", .among((0..<1 + random.below(20)).map { _ in random.pick(ids) }))])
        } else {
            condition = self.condition(on: cells, &random)
        }
        return Operation(
            kind: .delete, arguments: ["delete", database, "--where", condition.text],
            removed: Set(cells.filter { condition.selects($0.key, $0.value) }.keys))
    }

    /// A condition that at least one of the cells fulfils.
    private func condition(on cells: [String: Cell], _ random: inout Random) -> Condition {
        let model = cells[random.pick(cells.keys.sorted())]!
        var tests: [(column: String, test: Condition.Test)] = []
        for column in ["cell_type", "disease", "donor"].shuffled(using: &random).prefix(1 + random.below(2)) {
            if let value = model.obs[column] { tests.append((column, .equals(value))) }
        }
        if random.chance(0.3) || tests.isEmpty, let age = model.obs["age"].flatMap({ Int($0) }) {
            tests.append(("age", .below(age + 1)))
        }
        if tests.isEmpty { tests.append(("cell", .among([cells.keys.sorted()[0]]))) }
        return Condition(tests: tests)
    }
}
