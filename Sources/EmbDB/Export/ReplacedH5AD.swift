internal import AnnData
internal import Foundation

/// Keeps a file of cells from being replaced by an answer: it may hold the only counts that there are.
enum ReplacedH5AD {
    /// What is to be written; each replaces its own kind.
    enum Kind {
        /// Has `uns/embdb`.
        case export
        /// Has the embeddings in obsm.
        case annotatedCopy

        fileprivate var mark: (group: String, name: String) {
            switch self {
            case .export: ("uns", "embdb")
            case .annotatedCopy: ("obsm", AnnotatedFile.embeddingKey)
            }
        }
    }

    /// - Throws: ``EmbDBError/Code/usage`` if there is a file that is not empty and not of that kind.
    static func check(_ path: String, for kind: Kind) throws(EmbDBError) {
        var info = stat()
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_size > 0 else { return }
        let (group, name) = kind.mark
        if let file = try? HDF5File(path: path), let links = try? file.list(group),
            links.contains(where: { $0.name == name })
        {
            return
        }
        let what = kind == .export ? "export of a database" : "annotated copy"
        throw EmbDBError(
            .usage,
            "there is a file that is no \(what) (\(path)): name another file to write, or remove that one first")
    }
}
