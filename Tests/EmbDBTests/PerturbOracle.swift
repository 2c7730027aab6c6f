import CellTransformer
import EmbDB
import Numerics

/// Embeddings from the exported tokens and the weights.
struct PerturbOracle {
    let space: Workspace
    let exports: Exports

    /// The fixture in a database, and the oracle of it.
    static func ingested(isV2: Bool) throws -> (PerturbOracle, Database) {
        let space = try Workspace(isV2: isV2)
        try space.strengthenWeights()
        let database = try space.ingested([Fixture.small])
        return (PerturbOracle(space: space, exports: try space.exports(database)), database)
    }

    func rows(_ state: String) -> [Int] { exports.obs.indices.filter { exports.obs[$0]["state"] == state } }

    /// Genes of a row, without special tokens.
    func genes(_ row: Int) -> [UInt32] {
        space.tiny.isV2 ? Array(exports.tokens[row].dropFirst().dropLast()) : exports.tokens[row]
    }

    func embed(_ genes: [UInt32]) throws -> [Float] {
        let weights = try space.weights()
        let tokens = space.tiny.isV2 ? [2] + genes + [3] : genes
        var workspace = BertWorkspace(weights.configuration, maximumLength: tokens.count)
        try BertEncoder(weights).forward(tokens.span, through: 1, workspace: &workspace)
        let states = try workspace.hiddenStates()
        if space.tiny.isV2 { return Array(states[row: 0]) }
        return mean((0..<states.rows).map { Array(states[row: $0]) })
    }

    /// The cell with genes deleted or in front, as long as the model reads.
    func perturbed(_ row: Int, _ genes: [UInt32], _ mode: KnockoutOptions.Mode) throws -> [Float] {
        if mode == .delete, genes.count == 1, let position = exports.tokens[row].firstIndex(of: genes[0]) {
            return try DeletedGene(position, of: exports.tokens[row], space.weights(), isV2: space.tiny.isV2).embedding
        }
        return try embed(changed(row, genes, mode))
    }

    func changed(_ row: Int, _ genes: [UInt32], _ mode: KnockoutOptions.Mode) -> [UInt32] {
        let own = self.genes(row)
        var kept = own.filter { !genes.contains($0) }
        let room = space.tiny.maximumLength - (space.tiny.isV2 ? 2 : 0)
        switch mode {
        case .delete: return kept
        case .overexpress: return Array((genes + kept).prefix(room))
        case .inhibit, .activate:
            // One gene, by one quartile.
            guard let place = own.firstIndex(of: genes[0]) else { return own }
            let quarter = Double(own.count) / 4
            let quartile = Int(Double(place) / quarter) + (mode == .inhibit ? 1 : -1)
            let target = quartile < 0 ? 0 : quartile > 3 ? kept.count : Int((Double(quartile) + 0.5) * quarter)
            kept.insert(genes[0], at: min(target, kept.count))
            return kept
        }
    }
}
