internal import Foundation

/// Writes a small simulated data set for `Tools/demo`, where the real one cannot be fetched. See SimulatedHeart.swift for
/// the model behind the numbers.
///
///     simulate-cells VOCABULARY.tsv OUT.h5ad [SEED]
@main
struct SimulateCells {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard let vocabulary = arguments.first, let path = arguments.dropFirst().first, arguments.count <= 3,
            let seed = UInt64(arguments.dropFirst(2).first ?? "1")
        else { end("usage: simulate-cells VOCABULARY.tsv OUT.h5ad [SEED]", code: 64) }
        do {
            let genes = try Gene.readVocabulary(vocabulary)
            var heart = try SimulatedHeart(genes: genes, seed: seed)
            let cells = heart.drawCells()
            // A file that is there is whole: the demo takes it as it is.
            let unfinished = path + ".unfinished"
            try H5ADWriter.write(cells, genes: genes, to: unfinished)
            guard rename(unfinished, path) == 0 else { throw SimulationError("\(path): cannot be written") }
            print("\(cells.count) simulated cells of \(genes.count) genes written to \(path)")
        } catch {
            end("simulate-cells: \(error)", code: 1)
        }
    }

    private static func end(_ message: String, code: Int32) -> Never {
        FileHandle.standardError.write(Data((message + "\n").utf8))
        exit(code)
    }
}

/// What went wrong, in words.
struct SimulationError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
