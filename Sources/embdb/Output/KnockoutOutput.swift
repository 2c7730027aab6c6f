internal import EmbDB

/// A ranking as text: JSON, tables, and sentences about how far it can be trusted.
struct KnockoutOutput {
    private let ranking: KnockoutRanking
    private let shown: [KnockoutRanking.Gene]
    /// None where only the best are asked for.
    private let rare: [KnockoutRanking.Gene]
    private let alternatives: [String]

    /// - Parameter top: how many genes are asked for; nil for all.
    init(_ ranking: KnockoutRanking, top: Int?, alternatives: [String]) {
        self.ranking = ranking
        shown = Array(ranking.ranking.prefix(top ?? .max))
        rare = top == nil ? ranking.rare : []
        self.alternatives = alternatives
    }

    var json: JSON {
        .object([
            ("from", .object([("cells", .integer(ranking.fromCells))])),
            ("to", .object([("cells", .integer(ranking.toCells))])),
            ("mode", .string(ranking.observed == nil ? ranking.mode.rawValue : "observed")),
            ("donors", JSON(ranking.donors)),
            ("seconds", .number(ranking.seconds)),
            (
                "forwards",
                .object([
                    ("spent", .integer(ranking.forwards)), ("exact_run", .integer(ranking.forwardsOfExactRun)),
                ])
            ),
            ("partial", .bool(ranking.isPartial)),
            ("reliability", reliability(ranking.reliability)),
            (
                "baseline",
                ranking.baseline.map {
                    .object([
                        ("name", .string($0.kind.rawValue)), ("spearman", JSON($0.spearman)),
                        ("overlap", JSON($0.overlap)),
                    ])
                } ?? .null
            ),
            ("ranking", .array(shown.map(row))), ("rare", .array(rare.map(row))),
            ("unknown", .integer(ranking.unknown)),
        ])
    }

    private func reliability(_ found: KnockoutRanking.Reliability) -> JSON {
        .object([
            ("half_split_overlap", JSON(found.halfSplitOverlap)), ("chance", JSON(found.chance)),
            ("icc", JSON(found.intraclassCorrelation)), ("predicted_overlap", JSON(found.predictedOverlap)),
            ("pilot_spearman", JSON(found.pilotSpearman)), ("pilot_slope", JSON(found.pilotSlope)),
            ("pilot_pairs", JSON(found.pilotPairs)),
            ("estimates_used", .bool(found.usesEstimates)), ("supported", JSON(found.isSupported)),
            ("best", .integer(found.best)), ("cells_needed", JSON(found.cellsNeeded)),
            ("min_cells", .integer(found.minimumCells)), ("state_separation", JSON(found.stateSeparation)),
            ("position_correlation", JSON(found.positionCorrelation)),
            ("expression_correlation", JSON(found.expressionCorrelation)),
        ])
    }

    private func row(_ gene: KnockoutRanking.Gene) -> JSON {
        .object([
            ("rank", JSON(gene.rank)), ("gene", .string(gene.gene)),
            ("gene_id", JSON(gene.geneID.isEmpty ? nil : gene.geneID)),
            ("score", .number(gene.score)),
            ("interval", gene.interval.map { .array([.number($0.low), .number($0.high)]) } ?? .null),
            ("shift", .number(gene.shift)),
            (
                "shift_to_alternatives",
                .object(gene.shiftToAlternatives.map { ($0.state, .number($0.shift)) })
            ),
            ("population_effect", .number(gene.populationEffect)), ("neighbor_shift", JSON(gene.neighborShift)),
            ("p_value", .number(gene.pValue)), ("fdr", .number(gene.falseDiscoveryRate)),
            ("cells", .integer(gene.cells)), ("donors", JSON(gene.donors)), ("same_sign", JSON(gene.sameSign)),
            ("exact", .bool(gene.exact)),
            ("position", JSON(gene.position)), ("expression_difference", JSON(gene.expressionDifference)),
            ("lower_at_start", .bool(gene.isLowerAtStart)), ("specificity", JSON(gene.specificity)),
            ("baseline_rank", JSON(gene.baselineRank)), ("in_silico", gene.imagined.map(imagined) ?? .null),
        ])
    }

    private func imagined(_ found: KnockoutRanking.Gene.Imagined) -> JSON {
        .object([
            ("score", .number(found.score)),
            ("interval", found.interval.map { .array([.number($0.low), .number($0.high)]) } ?? .null),
            ("shift", .number(found.shift)), ("cells", .integer(found.cells)),
        ])
    }

    /// How far it can be trusted, in sentences.
    var trust: [String] {
        let found = ranking.reliability
        var lines: [String] = []
        func percent(_ share: Double) -> String { "\(decimal(100 * share, share < 0.0995 ? 1 : 0)) %" }
        if ranking.isPartial { lines.append("stopped before its end: these are the cells and deletions done by then") }
        if ranking.forwards < ranking.forwardsOfExactRun {
            lines.append(
                "\(percent(Double(ranking.forwards) / Double(ranking.forwardsOfExactRun))) of the passes of the exact run"
                    + (found.predictedOverlap.map {
                        "; about \(percent($0)) of its best \(found.best) genes are among the best \(found.best) here"
                    } ?? ""))
        }
        if let spearman = found.pilotSpearman, let slope = found.pilotSlope {
            lines.append(
                "estimates against \(counted(found.pilotPairs ?? 0, "exact deletion")): rank correlation "
                    + "\(decimal(spearman, 2)), slope \(decimal(slope, 2))"
                    + (found.usesEstimates ? "" : ": not good enough, not used"))
        } else if found.usesEstimates {
            lines.append("the estimates were not compared with exact deletions: it ended before that")
        }
        if ranking.forwards < ranking.forwardsOfExactRun, found.predictedOverlap == nil, !ranking.ranking.isEmpty {
            lines.append("too few deletions to say how far the exact run's ranking would be this one")
        }
        if let half = found.halfSplitOverlap, let chance = found.chance {
            lines.append(
                "two halves of the cells share \(percent(half)) of their best \(found.best) genes, by chance \(percent(chance))"
            )
        }
        if found.isSupported == false {
            lines.append(
                "these cells support no gene ranking for this pair of states"
                    + (found.statesDiffer
                        ? cellsNeeded.map { ": about \(grouped($0)) cells with a gene would" } ?? ""
                        : ": the model hardly tells the states apart"
                            + (found.stateSeparation.map { " (\(percent($0)) of their cells, by chance 50 %)" } ?? "")))
        }
        let rare = ranking.rare.count + ranking.unknown
        if rare > 0 {
            lines.append(
                "\(counted(rare, "gene")) in fewer than \(found.minimumCells) cells are not ranked: "
                    + "--format json and tsv have them apart"
                    + (ranking.unknown > 0 ? ", but \(grouped(ranking.unknown)) that were not looked at" : ""))
        }
        return lines
    }

    /// Cells that a gene needs, where half of the genes have fewer.
    private var cellsNeeded: Int? {
        let cells = ranking.ranking.map(\.cells).sorted()
        guard let needed = ranking.reliability.cellsNeeded, !cells.isEmpty, needed > cells[cells.count / 2] else {
            return nil
        }
        return needed
    }

    /// - Parameter isWhole: with the columns that have no place on a terminal, and the rare genes.
    func table(isWhole: Bool) -> TextTable {
        let columns = Self.columns(alternatives, ranking).filter { isWhole || $0.isShort }
        var table = TextTable(columns.map(\.column))
        for gene in shown + (isWhole ? rare : []) { table.add(columns.map { $0.value(gene) }) }
        return table
    }

    /// What the columns of the whole table mean.
    var meanings: [(column: String, meaning: String)] {
        Self.columns(alternatives, ranking).map { ($0.column.name, $0.meaning) }
    }

    // MARK: Columns

    private struct Column {
        let column: TextTable.Column
        /// Whether it has a place on a terminal.
        let isShort: Bool
        let meaning: String
        let value: (KnockoutRanking.Gene) -> TextTable.Cell

        init(
            _ column: TextTable.Column, _ isShort: Bool, _ meaning: String,
            _ value: @escaping (KnockoutRanking.Gene) -> TextTable.Cell
        ) {
            self.column = column
            self.isShort = isShort
            self.meaning = meaning
            self.value = value
        }

        static func number(
            _ name: String, _ isShort: Bool, _ meaning: String, _ value: @escaping (KnockoutRanking.Gene) -> Double?
        ) -> Column {
            Column(.number(name), isShort, meaning) { value($0).map { .scientific($0) } ?? .none }
        }

        static func count(
            _ name: String, _ isShort: Bool, _ meaning: String, _ value: @escaping (KnockoutRanking.Gene) -> Int?
        ) -> Column {
            Column(.number(name), isShort, meaning) { value($0).map { .integer($0) } ?? .none }
        }
    }

    private static func columns(_ alternatives: [String], _ ranking: KnockoutRanking) -> [Column] {
        let unit = ranking.donors == nil ? "cells" : "donors"
        let isObserved = ranking.observed != nil
        var columns: [Column] = [
            .count("rank", true, "by score, from 1; empty for genes in too few cells to be ranked", \.rank),
            Column(.id("gene"), true, "symbol, or the label of an observed perturbation") { .text($0.gene) },
            Column(.id("gene_id"), true, "Ensembl id") { .text($0.geneID) },
            .number(
                "score", true,
                "shift towards the goal less shift towards the start, without what any perturbation does to a cell, "
                    + "nearer to 0 the fewer \(unit) have the gene; positive is towards the goal", \.score),
            .number("low", true, "lower end of the score's 95 % interval, over \(unit)") { $0.interval?.low },
            .number("high", true, "upper end of it") { $0.interval?.high },
            .number(
                "shift", true, "mean over cells of cos(perturbed, goal) - cos(original, goal), as Geneformer has it",
                \.shift),
            .number("fdr", true, "Benjamini-Hochberg rate of p_value", \.falseDiscoveryRate),
            .count(
                "cells", true,
                isObserved ? "cells with that label" : "cells that have the gene, and that perturbing it changes",
                \.cells),
            Column(.number("same_sign"), true, "share of them whose shift has the sign of the mean") {
                $0.sameSign.map { .decimal($0, 2) } ?? .none
            },
            Column(
                .text("exact"), true,
                isObserved
                    ? "yes: it was really done"
                    : "yes: it was perturbed in every one of them; no: some are estimated or unknown"
            ) {
                .text($0.exact ? "yes" : "no")
            },
            .number(
                "neighbor_shift", false, "mean change of the share of goal cells among the nearest stored cells",
                \.neighborShift),
            .number(
                "p_value", false,
                isObserved
                    ? "rank-sum test of cos(cell, goal) against that of the control, over \(unit)"
                    : "rank-sum test of the shifts against those of all genes here, over \(unit), as Geneformer has it",
                \.pValue),
            .number(
                "population_effect", false, "shift spread over all start cells: those without the gene count as 0",
                \.populationEffect),
            .number("position", false, "mean place among a cell's genes, 0 the first", \.position),
            .number(
                "expression_difference", false,
                "mean log1p(counts per 10,000) at the goal less at the start; above 0 the gene is lower at the start already",
                \.expressionDifference),
        ]
        if ranking.donors != nil { columns.append(.count("donors", false, "donors of these cells", \.donors)) }
        if ranking.baseline != nil {
            columns.append(
                .count(
                    "baseline_rank", true, "by how much more the start cells express the gene, alone", \.baselineRank))
        }
        if isObserved {
            columns += [
                .number("in_silico_score", true, "score of deleting the gene in the control cells, by the model") {
                    $0.imagined?.score
                },
                .number("in_silico_low", false, "lower end of its interval") { $0.imagined?.interval?.low },
                .number("in_silico_high", false, "upper end of it") { $0.imagined?.interval?.high },
                .count("in_silico_cells", true, "control cells that have the gene") { $0.imagined?.cells },
            ]
        }
        if !alternatives.isEmpty {
            columns.append(
                .number("specificity", false, "shift less the largest one towards an alternative", \.specificity))
        }
        for (index, text) in alternatives.enumerated() {
            columns.append(
                .number("shift to \(text)", true, "as shift, towards that state") {
                    $0.shiftToAlternatives[index].shift
                })
        }
        return columns
    }
}
