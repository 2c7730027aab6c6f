internal import Foundation
internal import Tokenizers

/// Ranked cells that wait on the disk: there may be more of them than memory.
struct CorpusFile {
    /// One cell in the file.
    struct Place {
        let offset: Int
        let bytes: Int32
        /// Genes that the reading vocabulary knows.
        let genes: Int32
    }

    /// What the cells were read with.
    let vocabulary: Vocabulary
    private let file: UnnamedFile

    /// - Throws: ``EmbDBError/Code/storage``.
    init(in folder: String, _ vocabulary: Vocabulary) throws(EmbDBError) {
        self.vocabulary = vocabulary
        file = try UnnamedFile(beside: folder + "/cells")
    }

    /// Where the next cell begins.
    var end: Int { file.count }

    func append(_ bytes: [UInt8]) throws(EmbDBError) { try file.append(bytes) }

    func read(_ place: Place, into cell: inout RankedCell) throws {
        let bytes = [UInt8](try file.read(place.offset..<place.offset + Int(place.bytes)))
        try StoredCell.read(bytes.span.bytes, vocabularyCount: vocabulary.count, into: &cell)
    }

    /// By token of ``vocabulary``: that of another one; nil for a gene that it has not.
    func translation(to other: Vocabulary) -> [UInt32?] {
        (0..<vocabulary.count).map { token in vocabulary.entry(UInt32(token)).flatMap { other.token(ofID: $0.id) } }
    }
}
