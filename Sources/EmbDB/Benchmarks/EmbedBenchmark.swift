internal import CellTransformer
internal import Foundation
internal import Numerics
internal import Tokenizers

/// Cells a second through a model on this machine: what `embdb bench embed` prints.
package enum EmbedBenchmark {
    /// What was measured.
    package struct Result: Sendable {
        /// The folder's name, or "default".
        package let model: String
        /// Whether its weights were only drawn from a seed; that does not change the speed.
        package let isUntrained: Bool
        /// That was computed in.
        package let precision: EmbeddingPrecision
        /// Tokens a cell.
        package let length: Int
        /// Cells embedded in a second, of the fastest round.
        package let cellsPerSecond: Double
        /// Of linear layers and attention, at that speed.
        package let gigaflops: Double
        /// The kernel that OpenBLAS took for this CPU.
        package let blasKernel: String
        /// SIMD level of the program's own kernels.
        package let simdLevel: String
    }

    /// Embeds cells of random genes for some two seconds, after one round to warm up.
    ///
    /// - Parameters:
    ///   - precision: f32 where the CPU cannot do it as fast.
    ///   - length: tokens a cell, special ones included; nil: what the model takes.
    ///   - allLayers: all layers instead of those that second-to-last needs.
    /// - Throws: ``EmbDBError`` `model`, `usage`, `cancelled`.
    package static func run(
        model: String, dictionaries: String?, precision: EmbeddingPrecision = .f32, length: Int?, allLayers: Bool,
        threads: Int, seed: UInt64,
        control: Control = Control()
    ) throws(EmbDBError) -> Result {
        try withEmbDBErrors {
            if let warning = SIMDLevel.warning { control.warning(warning) }
            let precision = precision.supported(warning: control.warning)
            let model = try ModelFolder.load(model, dictionaries: dictionaries, warning: control.warning)
            let configuration = model.configuration
            let length = try RandomCells.length(length, of: model)
            let layer: EmbeddingLayer = allLayers ? .last : .secondToLast
            let embedder = model.embedder(
                EmbeddingSettings(
                    layer: layer, pooling: model.defaultPooling, dimension: configuration.hiddenSize, metric: "cosine"),
                precision: precision, threads: threads)
            let cells = RandomCells.draw(max(4, 2 * threads), length: length, of: model, seed: seed)
            _ = try embedder.embed(Array(cells.prefix(threads)))
            var best = Double.infinity
            let end = Date().addingTimeInterval(2)
            repeat {
                try control.checkCancelled("stopped")
                let start = DispatchTime.now()
                _ = try embedder.embed(cells)
                best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9)
            } while Date() < end
            let rate = Double(cells.count) / best
            let layers = allLayers ? configuration.layerCount : configuration.layerCount - 1
            return Result(
                model: model.name, isUntrained: model.untrainedSeed != nil, precision: precision, length: length,
                cellsPerSecond: rate,
                gigaflops: rate * Double(configuration.operations(length: length, layers: layers)) * 1e-9,
                blasKernel: BLAS.kernelName, simdLevel: SIMDLevel.current)
        }
    }
}
