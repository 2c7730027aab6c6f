internal import Foundation

/// A column of the simulated matrix.
struct Gene {
    let id: String
    let symbol: String

    /// The genes of a `vocabulary.tsv` (token, ensembl_id, symbol, nonzero_median), in its order, without special tokens.
    static func readVocabulary(_ path: String) throws -> [Gene] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw SimulationError("\(path): cannot be read")
        }
        let genes = text.split(separator: "\n").dropFirst().compactMap { line -> Gene? in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count >= 3, fields[1].hasPrefix("ENSG") else { return nil }
            return Gene(id: String(fields[1]), symbol: String(fields[2]))
        }
        guard !genes.isEmpty else { throw SimulationError("\(path): names no gene") }
        return genes
    }
}
