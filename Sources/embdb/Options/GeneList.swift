internal import EmbDB
internal import Foundation

/// The genes that `--genes` names: `G,G`, `@FILE` with one a line (`#` begins a remark), or `all`, which is nil.
func geneList(_ text: String) throws -> [String]? {
    if text == "all" { return nil }
    if text.hasPrefix("@") {
        guard let content = try? String(contentsOfFile: String(text.dropFirst()), encoding: .utf8) else {
            throw EmbDBError(.usage, "--genes \(text): the file cannot be read: check that it is there and is text")
        }
        let names = content.split(whereSeparator: \.isNewline).flatMap { line in
            list(String(line.prefix { $0 != "#" }))
        }
        guard !names.isEmpty else {
            throw EmbDBError(.usage, "--genes \(text): the file names no gene: give one a line")
        }
        return names
    }
    let names = list(text)
    guard !names.isEmpty else { throw EmbDBError(.usage, "--genes names no gene: give all, G,G or @FILE") }
    return names
}
