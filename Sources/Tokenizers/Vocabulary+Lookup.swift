extension Vocabulary {
    /// The token of a gene that a person names by Ensembl id (any case, with or without a version), symbol (as
    /// written, else in any case if that is unique) or alias.
    ///
    /// - Throws: ``TokenizerError`` `unknownGene` with the nearest names, or `ambiguousGene` with the ids it may mean.
    package func token(forGene text: String) throws(TokenizerError) -> UInt32 {
        let upper = text.geneKey
        if let token = tokenOfUpperID[upper] { return token }
        if let stem = upper.withoutVersion, let token = tokenOfUpperID[stem] { return token }
        if let tokens = tokensOfSymbol[text] { return try only(tokens, for: text) }
        if let tokens = tokensOfUpperSymbol[upper] { return try only(tokens, for: text) }
        if let token = aliases[upper] { return token }
        if let stem = upper.withoutVersion, let token = aliases[stem] { return token }
        let near = nearest(to: text)
        let hint =
            near.isEmpty ? nil : "did you mean \(near.joined(separator: ", "))?"
        throw TokenizerError(
            .unknownGene, gene: text, detail: "gene \(text) is not in the model's vocabulary", advice: hint)
    }

    private func only(_ tokens: [UInt32], for text: String) throws(TokenizerError) -> UInt32 {
        if tokens.count == 1 { return tokens[0] }
        let ids = tokens.compactMap { entry($0)?.id }.joined(separator: ", ")
        throw TokenizerError(
            .ambiguousGene, gene: text, detail: "gene \(text) may be any of \(ids)")
    }

    /// The token of a gene identifier in a file, and whether it was an id: ids and aliases in the mapping's upper
    /// case as Geneformer reads them, then without the version, then symbols that mean one gene.
    func token(inFile text: String) -> (token: UInt32, isID: Bool)? {
        let upper = text.geneKey
        if let token = aliases[upper] { return (token, upper.looksLikeEnsemblID) }
        if let token = tokenOfUpperID[upper] { return (token, true) }
        if let stem = upper.withoutVersion, let token = aliases[stem] ?? tokenOfUpperID[stem] { return (token, true) }
        if let tokens = tokensOfSymbol[text], tokens.count == 1 { return (tokens[0], false) }
        if let tokens = tokensOfUpperSymbol[upper], tokens.count == 1 { return (tokens[0], false) }
        return nil
    }

    /// Names of up to `limit` genes that `text` may be a slip of: symbols that it begins, then symbols (ids, if it looks
    /// like one) that are at most two edits away, nearest first, then the shorter, then by name. O(genes × length²).
    package func nearest(to text: String, limit: Int = 3) -> [String] {
        let query = Array(text.geneKey.utf8.prefix(64))
        guard query.count >= 2 else { return [] }
        let wantsIDs = text.geneKey.looksLikeEnsemblID
        var found: [(distance: Int, name: String)] = []
        for entry in entries where entry.median != nil {
            let name = wantsIDs || entry.symbol.isEmpty ? entry.id : entry.symbol
            let key = Array(name.geneKey.utf8)
            let most = query.count <= 4 ? 1 : 2
            if !wantsIDs, key.starts(with: query) {
                found.append((0, name))
            } else if let distance = editDistance(query, key, most: most) {
                found.append((distance, name))
            }
        }
        return found.sorted { ($0.distance, $0.name.count, $0.name) < ($1.distance, $1.name.count, $1.name) }.prefix(
            limit
        ).map(\.name)
    }
}
