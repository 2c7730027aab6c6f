internal import Foundation
internal import Tokenizers

/// A table of genes and their classes: tab separated, a header, the gene in the first column (Ensembl id or symbol), its
/// class in the second; `#` begins a remark.
struct GeneClasses {
    /// Class by token.
    private(set) var classes: [UInt32: String] = [:]
    /// Genes that the vocabulary does not know.
    private(set) var unknown: [String] = []
    private let path: String

    /// - Throws: ``EmbDBError/Code/input`` with file and line.
    init(_ path: String, vocabulary: Vocabulary) throws(EmbDBError) {
        self.path = path
        guard let data = FileManager.default.contents(atPath: path) else {
            throw EmbDBError(
                .input, "the table of classes cannot be read (\(path)): check the path and its permissions")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw EmbDBError(.input, "the table of classes is no text in UTF-8 (\(path)): save it as such")
        }
        var lineOf: [UInt32: Int] = [:]
        var hasHeader = false
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard hasHeader else {
                let first = line.split(separator: "\t", omittingEmptySubsequences: false).first ?? ""
                guard (try? vocabulary.token(forGene: first.trimmingCharacters(in: .whitespaces))) == nil else {
                    throw EmbDBError(
                        .input,
                        "the first line is a gene's, \(first) (\(path), line \(number + 1)): put a header above it, as "
                            + "gene and class, separated by a tab")
                }
                hasHeader = true
                continue
            }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard fields.count >= 2, !fields[0].isEmpty, !fields[1].isEmpty else {
                throw EmbDBError(
                    .input,
                    "a line has no gene and class, separated by a tab (\(path), line \(number + 1)): mend it, or begin it "
                        + "with #")
            }
            let token: UInt32
            do throws(TokenizerError) {
                token = try vocabulary.token(forGene: fields[0])
            } catch {
                unknown.append(fields[0])
                continue
            }
            if let other = classes.updateValue(fields[1], forKey: token), other != fields[1] {
                throw EmbDBError(
                    .input,
                    "\(fields[0]) is in two classes, \(other) and \(fields[1]) (\(path), lines \(lineOf[token] ?? 0) and "
                        + "\(number + 1)): leave it in one")
            }
            lineOf[token] = number + 1
        }
        guard !classes.isEmpty else {
            throw EmbDBError(
                .input,
                "the table names no gene that the model knows (\(path)): a header, then a gene and its class in each line, "
                    + "separated by a tab"
                    + (unknown.isEmpty ? "" : "; unknown: \(unknown.prefix(3).joined(separator: ", "))"))
        }
    }

    func warnOfUnknown(_ control: Control) {
        guard !unknown.isEmpty else { return }
        control.warning(
            "genes that are not in the model's vocabulary are left out (\(unknown.count)): "
                + "\(unknown.prefix(5).joined(separator: ", "))\(unknown.count > 5 ? ", …" : "") (\(path))")
    }
}
