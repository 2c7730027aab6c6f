/// Why a vocabulary could not be read, a gene not be named, or a stored cell not be decoded.
package struct TokenizerError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. New kinds may come with later versions.
    package struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The name of the kind.
        package let rawValue: String
        /// A kind of this name.
        package init(rawValue: String) { self.rawValue = rawValue }
        /// The name of the kind.
        package var description: String { rawValue }

        /// No folder holds a vocabulary.
        package static let vocabularyNotFound = Code(rawValue: "vocabularyNotFound")
        /// A folder holds several vocabularies, and nothing says which one is meant.
        package static let ambiguousVocabulary = Code(rawValue: "ambiguousVocabulary")
        /// A file could not be read.
        package static let notReadable = Code(rawValue: "notReadable")
        /// A vocabulary contradicts itself or its format.
        package static let malformedVocabulary = Code(rawValue: "malformedVocabulary")
        /// The vocabulary has no such gene.
        package static let unknownGene = Code(rawValue: "unknownGene")
        /// A name means several genes.
        package static let ambiguousGene = Code(rawValue: "ambiguousGene")
        /// None of a file's genes is in the vocabulary.
        package static let noKnownGene = Code(rawValue: "noKnownGene")
        /// A perturbation or an encoder that makes no sense.
        package static let invalidRequest = Code(rawValue: "invalidRequest")
        /// The bytes of a stored cell contradict their format.
        package static let malformedCell = Code(rawValue: "malformedCell")
    }

    /// The kind of failure.
    package let code: Code
    /// The file, if it is about one.
    package let file: String?
    /// The line of the file, counted from 1, if it is about one.
    package let line: Int?
    /// The gene as it was named, if it is about one.
    package let gene: String?
    /// What is wrong, without the file and the line.
    package let detail: String
    /// What to do about it; nil for what the kind of failure tells.
    package let advice: String?

    /// A failure of kind `code`.
    package init(
        _ code: Code, file: String? = nil, line: Int? = nil, gene: String? = nil, detail: String, advice: String? = nil
    ) {
        self.code = code
        self.file = file
        self.line = line
        self.gene = gene
        self.detail = detail
        self.advice = advice
    }

    /// One line: what is wrong (where): what to do.
    package var description: String {
        let place = file.map { " (\($0)\(line.map { ", line \($0)" } ?? ""))" } ?? ""
        return "\(detail)\(place): \(advice ?? code.advice)"
    }
}

extension TokenizerError.Code {
    /// What helps against most failures of the kind.
    var advice: String {
        switch self {
        case .vocabularyNotFound: "name the folder of the dictionaries by --dictionaries"
        case .ambiguousVocabulary: "put those of the model into a folder of their own"
        case .notReadable: "check the path and who may read it"
        case .malformedVocabulary: "use the dictionaries that belong to the model, downloaded again"
        case .unknownGene: "name genes by Ensembl id or symbol"
        case .ambiguousGene: "name it by its Ensembl id"
        case .noKnownGene: "name the column of Ensembl ids or symbols by --gene-column"
        case .malformedCell: "restore the database from a copy"
        default: "change the request"
        }
    }
}
