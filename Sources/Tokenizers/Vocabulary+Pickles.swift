internal import Checkpoints

extension Vocabulary {
    /// Reads Geneformer's dictionaries: id → token, id → median, any name in upper case → id, symbol → id. Medians and names
    /// of genes that have no token are left out.
    convenience init(
        tokens tokenFile: String, medians medianFile: String, mapping mappingFile: String?, names nameFile: String?
    ) throws(TokenizerError) {
        let medians = try Self.dictionary(medianFile, "median", \.double)

        var aliases: [(key: String, id: String)] = []
        var seen: Set<String> = []
        if let mappingFile {
            for entry in try Self.entries(mappingFile, "Ensembl id", \.string) {
                aliases.append((entry.key, entry.value))
                seen.insert(entry.key.geneKey)
            }
        }
        var symbols: [String: String] = [:]
        if let nameFile {
            for entry in try Self.entries(nameFile, "Ensembl id", \.string) {
                if symbols[entry.value] == nil {
                    symbols[entry.value] = entry.key
                } else if seen.insert(entry.key.geneKey).inserted {
                    aliases.append((entry.key, entry.value))
                }
            }
        }

        var entries: [Entry] = []
        let specials = Set(Self.specialNames)
        for (id, token) in try Self.entries(tokenFile, "token", \.int) {
            guard let token = UInt32(exactly: token) else {
                throw TokenizerError(
                    .malformedVocabulary, file: tokenFile, gene: id, detail: "the token of \(id) is \(token)")
            }
            if specials.contains(id) {
                entries.append(Entry(token: token, id: id))
                continue
            }
            guard let median = medians[id] else {
                throw TokenizerError(
                    .malformedVocabulary, file: medianFile, gene: id,
                    detail: "\(id) has a token in \(tokenFile), but no median")
            }
            entries.append(Entry(token: token, id: id, symbol: symbols[id] ?? "", median: median))
        }
        try self.init(entries: entries, aliases: aliases, file: tokenFile)
    }

    /// The entries of a pickled dict of text keys, in order.
    private static func entries<Value>(
        _ file: String, _ kind: String, _ convert: (Pickle.Value) -> Value?
    ) throws(TokenizerError) -> [(key: String, value: Value)] {
        let pickle: Pickle
        do throws(CheckpointError) {
            pickle = try Pickle(path: file)
        } catch {
            let isReadable = error.code != .notFound && error.code != .notReadable
            throw TokenizerError(
                isReadable ? .malformedVocabulary : .notReadable, file: error.file, detail: error.detail,
                advice: error.advice)
        }
        guard let entries = pickle.entries(pickle.root) else {
            throw TokenizerError(.malformedVocabulary, file: file, detail: "the file holds no dict")
        }
        var result: [(key: String, value: Value)] = []
        result.reserveCapacity(entries.count)
        for (key, value) in entries {
            guard let key = key.string else {
                throw TokenizerError(.malformedVocabulary, file: file, detail: "a key is no text")
            }
            guard let value = convert(value) else {
                throw TokenizerError(
                    .malformedVocabulary, file: file, gene: key, detail: "the value of \(key) is no \(kind)")
            }
            result.append((key, value))
        }
        return result
    }

    private static func dictionary<Value>(
        _ file: String, _ kind: String, _ convert: (Pickle.Value) -> Value?
    ) throws(TokenizerError) -> [String: Value] {
        Dictionary(try entries(file, kind, convert)) { _, last in last }
    }
}
