import AnnData
import CellTransformer
import Checkpoints
import EmbDB
import Foundation

/// The counts of a fixture's X by cell id and Ensembl id, read without any of the ingest.
struct FixtureCounts {
    /// Cell id → (Ensembl id without version → count).
    private(set) var counts: [String: [String: Double]] = [:]
    private(set) var totals: [String: Double] = [:]

    init(_ path: String) throws {
        let file = try CellFile(path: path)
        let ids = try file.obs.index.readTexts(rows: 0..<file.cellCount)
        let genes = try file.genes(of: "X")
        let names = try genes.index.readTexts(rows: 0..<genes.count)
        var reader = try file.countReader(layer: "X", rule: .counts)
        var batch = CountBatch()
        try reader.read(rows: 0..<file.cellCount, into: &batch)
        for row in 0..<file.cellCount {
            let id = ids[row] ?? ""
            for entry in batch.entries(row) where batch.values[entry] > 0 {
                let name = String((names[Int(batch.indices[entry])] ?? "").split(separator: ".")[0])
                counts[id, default: [:]][name, default: 0] += batch.values[entry]
                totals[id, default: 0] += batch.values[entry]
            }
        }
    }

    /// Genes of the tests' vocabulary that the cell has.
    func genes(ofCell id: String) -> Int {
        counts[id]?.keys.filter { Int($0.dropFirst(4)).map { (1...TinyModel.genes).contains($0) } ?? false }.count ?? 0
    }
}

extension Workspace {
    /// The model's configuration as its folder says it.
    func configuration() throws -> BertConfiguration {
        try BertConfiguration(
            vocabularySize: tiny.vocabularySize, hiddenSize: TinyModel.hidden, layerCount: 2, headCount: 2,
            feedForwardSize: 32, maximumLength: tiny.maximumLength)
    }

    func weights() throws -> BertWeights {
        let file = model + "/model.safetensors"
        guard FileManager.default.fileExists(atPath: file) else {
            return BertWeights(try configuration(), seed: tiny.seed)
        }
        return try BertWeights(configuration(), from: SafetensorsFile(path: file))
    }

    /// Writes the model's weights as a file, all matrices 20 times as large, so that everything depends on everything.
    func strengthenWeights() throws {
        let weights = try weights()
        let tensors = try weights.tensorNames.map { name in
            let shape = weights.shape(of: name) ?? []
            return (name, shape, try weights.floats(name).map { shape.count == 2 ? $0 * 20 : $0 })
        }
        try ModelFolderTests.safetensors(tensors).write(to: URL(fileURLWithPath: model + "/model.safetensors"))
    }
}
