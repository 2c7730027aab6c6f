internal import CellTransformer
internal import Foundation
internal import Numerics
internal import Tokenizers

/// What all deletions of one cell cost on this machine, each embedded or all of them estimated: what `embdb bench knockouts`
/// prints.
package enum KnockoutBenchmark {
    /// What was measured.
    package struct Result: Sendable {
        /// The folder's name, or "default".
        package let model: String
        /// Whether its weights were only drawn from a seed; that does not change the speed.
        package let isUntrained: Bool
        /// That was computed in; the gradients of the estimate are f32.
        package let precision: EmbeddingPrecision
        /// Tokens of the cell.
        package let length: Int
        /// Seconds that the deletion of each of its genes would take, by those that were timed.
        package let exactSeconds: Double
        /// Deletions that were timed.
        package let exactSampled: Int
        /// Seconds of the estimate of all of them, towards one direction; the faster of two.
        package let screenSeconds: Double
        /// Passes through the model that all deletions are.
        package let exactForwards: Int
        /// Passes that the estimate costs, a backward one counted as two.
        package let screenForwards: Int
        /// The kernel that OpenBLAS took for this CPU.
        package let blasKernel: String
        /// SIMD level of the program's own kernels.
        package let simdLevel: String
    }

    /// Deletes genes of a cell of random genes.
    ///
    /// - Parameters:
    ///   - precision: f32 where the CPU cannot do it as fast.
    ///   - length: tokens of the cell, special ones included; nil: what the model takes.
    ///   - sampled: deletions that are embedded: as many blocks of those that share their first layer as have so many
    ///     together, evenly spaced.
    /// - Throws: ``EmbDBError`` `model`, `usage`, `cancelled`.
    package static func run(
        model: String, dictionaries: String?, precision: EmbeddingPrecision = .f32, length: Int?, sampled: Int,
        threads: Int, seed: UInt64, control: Control = Control()
    ) throws(EmbDBError) -> Result {
        try withEmbDBErrors {
            if let warning = SIMDLevel.warning { control.warning(warning) }
            let precision = precision.supported(warning: control.warning)
            let model = try ModelFolder.load(model, dictionaries: dictionaries, warning: control.warning)
            let length = try RandomCells.length(length, of: model)
            let embedder = model.embedder(
                EmbeddingSettings(
                    layer: .secondToLast, pooling: model.defaultPooling, dimension: model.configuration.hiddenSize,
                    metric: "cosine"), precision: precision, threads: threads)
            let cells = RandomCells.draw(2, length: length, of: model, seed: seed)
            let genes = cells[0].genes
            guard genes.count > 1 else {
                throw EmbDBError(.usage, "--length \(length): one gene alone cannot be deleted: give more")
            }
            let deletions = DeletionEmbedder(embedder)
            let sample = sample(min(max(1, sampled), genes.count), of: genes, inBlocksOf: deletions.shared(cells[0]))
            let goal = try embedder.embed([cells[1]])
            let exact = try seconds {
                _ = try deletions.embed(
                    [cells[0]], sample.map { .init(cell: 0, position: $0) },
                    deletionDone: { !control.isCancelled() })
            }
            let screen = DeletionScreen(embedder)
            let estimates = try (0..<2).map { _ in
                try control.checkCancelled("stopped")
                return try seconds { _ = try screen.estimate([cells[0]], to: [Array(goal[row: 0])]) }
            }
            return Result(
                model: model.name, isUntrained: model.untrainedSeed != nil, precision: precision, length: length,
                exactSeconds: exact * Double(genes.count) / Double(sample.count), exactSampled: sample.count,
                screenSeconds: min(estimates[0], estimates[1]), exactForwards: genes.count,
                screenForwards: screen.forwards(directions: 1), blasKernel: BLAS.kernelName,
                simdLevel: SIMDLevel.current)
        }
    }

    /// Whole blocks, evenly spaced, with `count` genes or more together.
    private static func sample(_ count: Int, of genes: Range<Int>, inBlocksOf size: Int) -> [Int] {
        let blocks = (genes.count + size - 1) / size
        let wanted = min(blocks, (count + size - 1) / size)
        return (0..<wanted).flatMap { index in
            let first = genes.lowerBound + index * blocks / wanted * size
            return first..<min(first + size, genes.upperBound)
        }
    }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = DispatchTime.now()
        try body()
        return Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
    }
}
