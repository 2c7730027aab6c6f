internal import EmbDB

/// What perturbations do, as JSON and tables.
struct PerturbOutput {
    private let answer: PerturbAnswer
    private let together: Bool
    private let hasGoal: Bool
    private let affectedGenes: Bool

    init(_ answer: PerturbAnswer, together: Bool, hasGoal: Bool, affectedGenes: Bool) {
        self.answer = answer
        self.together = together
        self.hasGoal = hasGoal
        self.affectedGenes = affectedGenes
    }

    var json: JSON {
        .object([
            ("mode", .string(answer.mode.rawValue)), ("genes", .array(answer.genes.map(gene))),
            ("cells", .integer(answer.cells)), ("left_out", .integer(answer.leftOut)),
            ("partial", .bool(answer.isPartial)),
            ("seconds", .number(answer.seconds)), ("forwards", .integer(answer.forwards)),
            ("position_correlation", JSON(answer.positionCorrelation)),
            ("results", .array(answer.results.map(result))),
            (
                "affected",
                .array(
                    answer.affected.map { row in
                        .object([
                            ("genes", .array(row.genes.map { .string($0.gene) })),
                            ("affected", .string(row.affected.gene)), ("affected_id", .string(row.affected.geneID)),
                            ("mean", .number(row.mean)), ("deviation", .number(row.deviation)),
                            ("cells", .integer(row.cells)),
                        ])
                    })
            ),
        ])
    }

    private func gene(_ gene: PerturbAnswer.Gene) -> JSON {
        .object([("gene", .string(gene.gene)), ("gene_id", .string(gene.geneID))])
    }

    private func result(_ result: PerturbAnswer.Result) -> JSON {
        var keys: [(String, JSON)] = [
            ("cell", .string(result.cell)), ("gene", JSON(result.gene?.gene)), ("gene_id", JSON(result.gene?.geneID)),
            ("genes", .array(result.genes.map { .string($0.gene) })),
            ("gene_ids", .array(result.genes.map { .string($0.geneID) })), ("position", JSON(result.position)),
            ("found", .integer(result.found)), ("similarity", .number(result.similarity)),
            ("shift", JSON(result.shift)), ("synergy", JSON(result.synergy)),
            ("beyond_position", JSON(result.beyondPosition)),
        ]
        if !result.neighborsAfter.isEmpty {
            keys.append(("neighbors_before", .array(result.neighborsBefore.map(JSON.string))))
            keys.append(("neighbors_after", .array(result.neighborsAfter.map(JSON.string))))
        }
        return .object(keys)
    }

    /// - Parameter isWhole: with the columns that a terminal does not need.
    func table(isWhole: Bool) -> TextTable { affectedGenes ? affected : results(isWhole: isWhole) }

    private func names(_ genes: [PerturbAnswer.Gene]) -> String { genes.map(\.gene).joined(separator: ",") }

    private var affected: TextTable {
        var table = TextTable([
            .id("perturbed"), .id("affected"), .id("affected_id"), .number("mean"), .number("deviation"),
            .number("cells"),
        ])
        for row in answer.affected {
            table.add([
                .text(names(row.genes)), .text(row.affected.gene), .text(row.affected.geneID), .decimal(row.mean, 6),
                .scientific(row.deviation), .integer(row.cells),
            ])
        }
        return table
    }

    private func results(isWhole: Bool) -> TextTable {
        let (hasGenes, hasShifts) = (isWhole || !together, isWhole || hasGoal)
        let hasSynergy = answer.results.contains { $0.synergy != nil }
        let hasRest = !hasGoal && answer.results.contains { $0.beyondPosition != nil }
        var table = TextTable(
            [.id("cell")] + (hasGenes ? [.id("gene"), .id("gene_id"), .number("position")] : [])
                + (isWhole || together ? [.number("found")] : []) + [.number("similarity")]
                + (hasShifts ? [.number("shift")] : []) + (hasSynergy ? [.number("synergy")] : [])
                + (hasRest ? [.number("beyond_position")] : []))
        for result in answer.results {
            var row: [TextTable.Cell] = [.text(result.cell)]
            if hasGenes {
                row += [
                    .text(hasSynergy ? names(result.genes) : result.gene?.gene ?? ""),
                    .text(result.gene?.geneID ?? ""), result.position.map { .integer($0) } ?? .none,
                ]
            }
            if isWhole || together { row.append(.integer(result.found)) }
            row.append(.decimal(result.similarity, 6))
            if hasShifts { row.append(result.shift.map { .scientific($0) } ?? .none) }
            if hasSynergy { row.append(result.synergy.map { .scientific($0) } ?? .none) }
            if hasRest { row.append(result.beyondPosition.map { .scientific($0) } ?? .none) }
            table.add(row)
        }
        return table
    }
}
