import CellTransformer
import Checkpoints
import Testing

@Suite("Configurations and weights")
struct BertWeightsTests {
    @Test(
        "Parameter counts of the published models",
        arguments: [
            // vocabulary, hidden, layers, heads, feed-forward, positions, parameters: counted by Hugging Face.
            [25_426, 256, 6, 4, 512, 2048, 10_288_722], [25_426, 512, 12, 8, 1024, 2048, 39_591_250],
            [20_275, 512, 12, 8, 1024, 4096, 37_997_363], [20_275, 768, 12, 12, 3072, 4096, 104_386_867],
            [20_275, 896, 20, 14, 1792, 4096, 151_313_459], [20_275, 1152, 18, 18, 4608, 4096, 316_354_867],
        ])
    func parameterCounts(sizes: [Int]) throws {
        let configuration = try BertConfiguration(
            vocabularySize: sizes[0], hiddenSize: sizes[1], layerCount: sizes[2], headCount: sizes[3],
            feedForwardSize: sizes[4], maximumLength: sizes[5])
        #expect(configuration.parameterCount == sizes[6])
        #expect(configuration.headSize == 64)
    }

    @Test("Operations of the small published model, as counted by hand")
    func operations() throws {
        let configuration = try BertConfiguration(
            vocabularySize: 25_426, hiddenSize: 256, layerCount: 6, headCount: 4, feedForwardSize: 512,
            maximumLength: 2048)
        // 6 · (2 · 2048 · (4 · 256² + 2 · 256 · 512) + 4 · 2048² · 256)
        #expect(configuration.operations(length: 2048, layers: 6) == 12_884_901_888 + 25_769_803_776)
    }

    @Test("Sizes that make no model are errors")
    func wrongConfigurations() {
        func code(
            vocabulary: Int = 50, hidden: Int = 24, layers: Int = 2, heads: Int = 3, feedForward: Int = 40,
            length: Int = 10, epsilon: Float = 1e-12, types: Int = 2, padding: Int? = 0
        ) -> TransformerError.Code? {
            do {
                _ = try BertConfiguration(
                    vocabularySize: vocabulary, hiddenSize: hidden, layerCount: layers, headCount: heads,
                    feedForwardSize: feedForward, maximumLength: length, layerNormEpsilon: epsilon,
                    tokenTypeCount: types, paddingToken: padding)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code() == nil && code(padding: nil) == nil)
        for value in [0, -1, Int.max, .min] {
            #expect(code(vocabulary: value) == .wrongConfiguration)
            #expect(code(hidden: value) == .wrongConfiguration)
            #expect(code(layers: value) == .wrongConfiguration)
            #expect(code(heads: value) == .wrongConfiguration)
            #expect(code(feedForward: value) == .wrongConfiguration)
            #expect(code(length: value) == .wrongConfiguration)
            #expect(code(types: value) == .wrongConfiguration)
        }
        #expect(code(heads: 5) == .wrongConfiguration)
        #expect(code(padding: 50) == .wrongConfiguration && code(padding: -1) == .wrongConfiguration)
        for epsilon in [0, -1, Float.nan, .infinity] { #expect(code(epsilon: epsilon) == .wrongConfiguration) }
    }

    @Test("New weights depend on the seed alone, are as BERT starts, and survive a file bit for bit")
    func seeded() throws {
        let configuration = try TinyModel().configuration
        let heads = BertHeads(languageModel: true, pooler: true, labels: 3)
        let weights = BertWeights(configuration, heads: heads, seed: 42)
        let bytes = try Safetensors.write(weights)
        #expect(try Safetensors.write(BertWeights(configuration, heads: heads, seed: 42)) == bytes)
        #expect(try Safetensors.write(BertWeights(configuration, heads: heads, seed: 43)) != bytes)
        // Fixed for good: a seed names a model.
        #expect(try checksum(weights) == 6_971_889_760_056_932_827)

        let read = try BertWeights(configuration, from: SafetensorsFile(bytes: bytes, file: "memory"))
        #expect(try Safetensors.write(read) == bytes)
        #expect(read.unusedTensors.isEmpty)
        #expect(read.layout == weights.layout)

        #expect(try weights.floats("bert.encoder.layer.1.output.LayerNorm.weight").allSatisfy { $0 == 1 })
        #expect(try weights.floats("bert.encoder.layer.1.attention.self.key.bias").allSatisfy { $0 == 0 })
        let words = try weights.floats("bert.embeddings.word_embeddings.weight")
        #expect(words[..<24].allSatisfy { $0 == 0 }, "the padding token's row")
        let rest = words[24...].map { Double($0) }
        let mean = rest.reduce(0, +) / Double(rest.count)
        let deviation = (rest.reduce(0) { $0 + $1 * $1 } / Double(rest.count)).squareRoot()
        // 1176 numbers: four standard errors.
        #expect(mean.magnitude < 4 * 0.02 / 34.3)
        #expect((deviation - 0.02).magnitude < 4 * 0.02 / 48.5)
    }

    @Test("Names without the prefix bert., position ids and tied copies are understood; leftovers are listed")
    func names() throws {
        let model = try TinyModel()
        let expected = try Safetensors.write(model.weights())
        let word = try #require(model.tensors.tensors["bert.embeddings.word_embeddings.weight"])
        var archive = model.tensors
        archive.tensors["bert.embeddings.position_ids"] = .init(shape: [1, 1], values: [0])
        archive.tensors["cls.predictions.decoder.weight"] = word
        archive.tensors["cls.predictions.decoder.bias"] = archive.tensors["cls.predictions.bias"]
        archive.tensors["cls.seq_relationship.bias"] = .init(shape: [2], values: [0, 0])
        var weights = try BertWeights(model.configuration, from: archive)
        #expect(weights.unusedTensors == ["cls.seq_relationship.bias"])
        #expect(try Safetensors.write(weights) == expected)

        archive.tensors["cls.predictions.bias"] = nil
        weights = try BertWeights(model.configuration, from: archive)
        #expect(try Safetensors.write(weights) == expected, "the head's bias under its other name")

        let bare = TensorDictionary(
            file: "bare",
            tensors: Dictionary(
                uniqueKeysWithValues: model.tensors.tensors.map { name, tensor in
                    (name.hasPrefix("bert.") ? String(name.dropFirst(5)) : name, tensor)
                }))
        weights = try BertWeights(model.configuration, from: bare)
        #expect(weights.unusedTensors.isEmpty)
        #expect(try Safetensors.write(weights) == expected)
    }

    @Test("A missing tensor, another shape, an untied head or a value that is no number is an error that names it")
    func wrongTensors() throws {
        let model = try TinyModel(heads: BertHeads(languageModel: true, pooler: true, labels: 2))
        func failure(_ name: String, _ tensor: TensorDictionary.Tensor?) throws -> CheckpointError {
            var archive = model.tensors
            archive.tensors[name] = tensor
            let error = try #require(throws: CheckpointError.self) {
                try BertWeights(model.configuration, from: archive)
            }
            #expect(error.tensor == name && error.description.contains(", tensor \(name)): "))
            return error
        }
        for (name, tensor) in model.tensors.tensors {
            // Without its first matrix a head is not there at all.
            let optional = ["cls.predictions.transform.dense.weight", "bert.pooler.dense.weight", "classifier.weight"]
            if !optional.contains(name) { #expect(try failure(name, nil).code == .missingTensor) }
            let flat = TensorDictionary.Tensor(shape: [1] + tensor.shape, values: tensor.values)
            if name != "classifier.weight" { #expect(try failure(name, flat).code == .wrongShape) }
        }
        let name = "bert.encoder.layer.2.output.dense.bias"
        var values = try #require(model.tensors.tensors[name]).values
        values[3] = .nan
        #expect(try failure(name, .init(shape: [24], values: values)).code == .malformed)
        var word = try #require(model.tensors.tensors["bert.embeddings.word_embeddings.weight"]).values
        word[100] += 1
        let untied = try failure("cls.predictions.decoder.weight", .init(shape: [50, 24], values: word))
        #expect(untied.code == .unsupported)
    }
}

/// FNV-1a, 64 bits, of all values in the order of the names.
private func checksum(_ weights: BertWeights) throws -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for name in weights.tensorNames {
        for value in try weights.floats(name) {
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                hash = (hash ^ UInt64(value.bitPattern >> shift & 0xFF)) &* 0x100_0000_01B3
            }
        }
    }
    return hash
}
