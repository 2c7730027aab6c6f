extension DataFrame {
    /// What 10x Genomics calls the features that are genes.
    private static let geneType = "Gene Expression"
    /// The types of features in Cell Ranger's output
    /// (https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-mex-matrices).
    private static let featureTypes: Set = [
        geneType, "Antibody Capture", "CRISPR Guide Capture", "Multiplexing Capture", "Custom", "Peaks",
        "Antigen Capture", "VDJ", "VDJ-B", "VDJ-T", "VDJ-T-GD",
    ]

    /// The features that are genes: an antibody may be called CD3E, as a gene is, and its counts are no expression.
    ///
    /// The column `feature_types` or `feature_type` decides, if it says "Gene Expression" of one feature at least and
    /// of the others what Cell Ranger says (other programs put other things into a column of that name).
    ///
    /// - Parameter isTenX: the file is 10x Genomics' own: what is not called "Gene Expression" is no gene, and without
    ///   a gene the file is refused.
    func keepingGenes(isTenX: Bool = false) throws(AnnDataError) -> DataFrame {
        guard count > 0, let name = ["feature_types", "feature_type"].first(where: columnNames.contains) else {
            return self
        }
        let column: Column
        do throws(AnnDataError) {
            column = try self.column(named: name)
        } catch {
            // A broken column is no reason to refuse the file: it is left out, as others are.
            return self
        }
        guard [.strings, .categories].contains(column.kind) else { return self }
        let types = try column.readTexts(rows: 0..<count)
        var counts: [String: Int] = [:]
        for type in types { counts[type ?? "", default: 0] += 1 }
        let genes = counts.removeValue(forKey: Self.geneType) ?? 0
        let others = counts.keys.sorted().prefix(5).map { $0.isEmpty ? "without a type" : $0 }.joined(separator: ", ")
        if genes == count { return self }
        if genes == 0 {
            guard isTenX else { return self }
            throw AnnDataError(
                .noSuchElement, file: column.elements.path, path: column.path,
                "none of its features is a gene (\(others))",
                advice: "name the file of gene expression")
        }
        guard isTenX || counts.keys.allSatisfy(Self.featureTypes.contains) else { return self }
        return DataFrame(
            self, types.indices.filter { types[$0] == Self.geneType },
            warning: "\(grouped(count - genes)) of \(grouped(count)) features are no genes (\(others)) and are left out"
        )
    }
}

/// A whole number with commas between thousands.
func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return text
}
