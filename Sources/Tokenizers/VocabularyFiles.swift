internal import Foundation

/// The files of a vocabulary in a model folder: our own table, or Geneformer's pickles.
package struct VocabularyFiles: Sendable, Hashable {
    /// Which files there are.
    package enum Kind: Sendable, Hashable {
        /// `vocabulary.tsv`, perhaps `mapping.tsv`.
        case table(String, mapping: String?)
        /// `token_dictionary*.pkl`, `gene_median_dictionary*.pkl`, perhaps `ensembl_mapping_dict*.pkl` and
        /// `gene_name_id_dict*.pkl`.
        case pickles(tokens: String, medians: String, mapping: String?, names: String?)
    }

    /// The files, with their paths.
    package let kind: Kind
    /// Their paths.
    package var paths: [String] {
        switch kind {
        case .table(let table, let mapping): [table] + (mapping.map { [$0] } ?? [])
        case .pickles(let tokens, let medians, let mapping, let names):
            [tokens, medians] + [mapping, names].compactMap(\.self)
        }
    }
    /// Where they were found.
    package let folder: String

    /// Looks through `folders` in order (a model's folder, its parent, the dictionaries' folder) and takes the first one
    /// that holds a vocabulary; in a folder `vocabulary.tsv` goes before pickles. A folder with several pickles of one
    /// kind is passed over if a later one is clear.
    ///
    /// - Throws: ``TokenizerError`` `ambiguousVocabulary` with the files, or `vocabularyNotFound` with the folders.
    package static func find(in folders: [String]) throws(TokenizerError) -> VocabularyFiles {
        var unclear: TokenizerError?
        for folder in folders {
            do throws(TokenizerError) {
                if let files = try VocabularyFiles(folder: folder) { return files }
            } catch {
                unclear = unclear ?? error
            }
        }
        throw unclear
            ?? TokenizerError(
                .vocabularyNotFound,
                detail: "no vocabulary (\(folders.joined(separator: ", ")))",
                advice: "name the folder of vocabulary.tsv, or of Geneformer's token_dictionary*.pkl and "
                    + "gene_median_dictionary*.pkl, by --dictionaries")
    }

    /// nil if the folder holds none.
    private init?(folder: String) throws(TokenizerError) {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        func path(_ name: String) -> String { (folder as NSString).appendingPathComponent(name) }
        func only(_ prefix: String) throws(TokenizerError) -> String? {
            let found = names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".pkl") }
            guard found.count <= 1 else {
                throw TokenizerError(
                    .ambiguousVocabulary, file: folder,
                    detail: "several dictionaries of one kind, \(found.joined(separator: ", "))",
                    advice: "put the ones that belong to the model into a folder of their own and name it by "
                        + "--dictionaries")
            }
            return found.first.map(path)
        }
        self.folder = folder
        if names.contains(Vocabulary.tableName) {
            let mapping = names.contains(Vocabulary.mappingName) ? path(Vocabulary.mappingName) : nil
            kind = .table(path(Vocabulary.tableName), mapping: mapping)
            return
        }
        guard let tokens = try only("token_dictionary") else { return nil }
        guard let medians = try only("gene_median_dictionary") else {
            throw TokenizerError(
                .vocabularyNotFound, file: tokens, detail: "there is no gene_median_dictionary*.pkl beside the tokens",
                advice: "put both into one folder and name it by --dictionaries")
        }
        kind = .pickles(
            tokens: tokens, medians: medians, mapping: try only("ensembl_mapping_dict"),
            names: try only("gene_name_id_dict"))
    }
}

extension Vocabulary {
    /// Reads the vocabulary in `files`.
    ///
    /// - Throws: ``TokenizerError`` `notReadable` or `malformedVocabulary` with the file, and the line of a table.
    package convenience init(files: VocabularyFiles) throws(TokenizerError) {
        switch files.kind {
        case .table(let table, let mapping):
            let mappingBytes: [UInt8]? = if let mapping { try Self.bytes(mapping) } else { nil }
            try self.init(
                table: try Self.bytes(table), mapping: mappingBytes, file: table, mappingFile: mapping ?? "")
        case .pickles(let tokens, let medians, let mapping, let names):
            try self.init(tokens: tokens, medians: medians, mapping: mapping, names: names)
        }
    }

    private static func bytes(_ path: String) throws(TokenizerError) -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw TokenizerError(.notReadable, file: path, detail: "the dictionary cannot be read")
        }
    }
}
