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
