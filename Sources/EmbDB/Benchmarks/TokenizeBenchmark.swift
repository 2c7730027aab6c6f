internal import CellTransformer
internal import Dispatch
internal import Numerics

/// Time from counts in a file to tokens: what `embdb bench tokenize` prints.
package enum TokenizeBenchmark {
    /// What was measured.
    package struct Result: Sendable {
        /// The folder's name, or "default".
        package let model: String
        /// Cells with a gene that the model knows.
        package let cells: Int
        /// That the model would read of them, special ones included.
        package let tokens: Int
        /// From opening the file on.
        package let seconds: Double
        /// The most memory that the process held, bytes.
        package let peakMemory: Int
    }

    /// Reads and encodes all cells of a file, as an ingest does, and keeps none.
    ///
    /// - Throws: ``EmbDBError`` as an ingest.
    package static func run(
        file: String, model: String, options: IngestOptions, control: Control = Control()
    ) throws(EmbDBError) -> Result {
        try withEmbDBErrors {
            let model = try ModelFolder.load(model, dictionaries: options.dictionaries, warning: control.warning)
            let start = DispatchTime.now()
            let reading = CellReading.counts(model.encoder)
            let source = try CellSource(
                path: file, options: options, reading: reading, isHashed: false, control: control)
            let blocks = try BlockReader(source, reading, metric: .cosine, options: options).ahead()
            var (cells, tokens) = (0, 0)
            while let block = try blocks.next() {
                try control.checkCancelled("stopped")
                for case let cell? in block.cells {
                    cells += 1
                    tokens += cell.input.tokens.count
                }
                control.progress(
                    .init(unit: "cells", phase: "reading", done: block.rows.upperBound, total: source.cellCount))
            }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
            return Result(
                model: model.name, cells: cells, tokens: tokens, seconds: seconds, peakMemory: ProcessMemory.peak)
        }
    }
}
