internal import EmbDB
internal import Foundation

/// The genes that `--genes` names: `G,G`, `@FILE` with one a line (`#` begins a remark), or `all`, which is nil.
func geneList(_ text: String) throws -> [String]? {
    if text == "all" { return nil }
    if text.hasPrefix("@") {
        let data: Data?
        do {
            // Of a pipe as well, whose size nobody knows.
            data = try FileHandle(forReadingFrom: URL(fileURLWithPath: String(text.dropFirst()))).readToEnd()
        } catch {
            throw EmbDBError(.usage, "--genes \(text): the file cannot be read: check that it is there")
        }
        guard let content = String(data: data ?? Data(), encoding: .utf8) else {
            throw EmbDBError(.usage, "--genes \(text): the file is no text in UTF-8: save it as such")
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

/// The sets of genes of `--pairs @FILE`: two or more a line, between commas, tabs or spaces (`#` begins a remark).
func geneSets(_ text: String) throws -> [[String]] {
    guard text.hasPrefix("@") else {
        throw EmbDBError(.usage, "--pairs \(text): give @FILE with one pair of genes a line")
    }
    guard let handle = try? FileHandle(forReadingFrom: URL(fileURLWithPath: String(text.dropFirst()))),
        let content = String(data: (try? handle.readToEnd()) ?? Data(), encoding: .utf8)
    else { throw EmbDBError(.usage, "--pairs \(text): the file cannot be read as text: check that it is there") }
    let sets = content.split(whereSeparator: \.isNewline)
        .map { line in line.prefix { $0 != "#" }.split { $0 == "," || $0 == "\t" || $0 == " " }.map(String.init) }
        .filter { !$0.isEmpty }
    guard !sets.isEmpty else { throw EmbDBError(.usage, "--pairs \(text): the file names no genes: give two a line") }
    return sets
}
