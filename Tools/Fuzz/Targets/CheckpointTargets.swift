import Checkpoints

/// A safetensors file: header and values. What opens reads in full, and is the same after it was written again.
enum SafetensorsTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        refusing {
            let file = try SafetensorsFile(bytes: bytes, file: "input")
            readAll(file)
            for name in file.tensorNames { refusing { _ = try file.integers(name) } }
            var copy = TensorDictionary(file: "copy")
            for name in file.tensorNames {
                guard let values = try? file.floats(name) else { return }
                copy.tensors[name] = .init(shape: file.shape(of: name) ?? [], values: values)
            }
            let written = try Safetensors.write(copy, metadata: file.metadata)
            let again = try SafetensorsFile(bytes: written, file: "copy")
            require(
                again.tensorNames == file.tensorNames && again.metadata == file.metadata, "other names after writing")
            for (name, tensor) in copy.tensors {
                let values = try again.floats(name)
                require(values.map(\.bitPattern) == tensor.values.map(\.bitPattern), "other values after writing")
            }
        }
    }

    static func seeds(_ files: [String]) throws -> [[UInt8]] {
        let one = TensorDictionary.Tensor(shape: [2, 3], values: [1, -2, 0.5, 1e-8, 3e9, 0])
        let none = TensorDictionary.Tensor(shape: [0, 4], values: [])
        return [
            try Safetensors.write(TensorDictionary(file: "seed")),
            try Safetensors.write(
                TensorDictionary(file: "seed", tensors: ["a": one, "b.weight": one, "none": none]),
                metadata: ["format": "pt"]),
        ]
    }
}

/// Pickles of plain data: the gene dictionaries.
enum PickleTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        refusing {
            let pickle = try Pickle(bytes: bytes, file: "input")
            var budget = 10_000
            walk(pickle.root, pickle, &budget)
        }
    }

    /// Values may refer to each other in circles.
    private static func walk(_ value: Pickle.Value, _ pickle: Pickle, _ budget: inout Int, depth: Int = 0) {
        budget -= 1
        guard budget > 0, depth < 1000 else { return }
        _ = (value.string, value.int, value.double)
        for entry in pickle.entries(value) ?? [] {
            walk(entry.key, pickle, &budget, depth: depth + 1)
            walk(entry.value, pickle, &budget, depth: depth + 1)
        }
        for item in pickle.items(value) ?? [] { walk(item, pickle, &budget, depth: depth + 1) }
    }
}

/// A PyTorch file: zip directory, inflation, pickle, tensors.
enum TorchTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        let path = Scratch.write(bytes, "model.bin")
        refusing { readAll(try TorchArchive(path: path)) }
    }
}

/// `config.json` of a model folder.
enum ConfigTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        refusing {
            let config = try HuggingFaceConfig(json: bytes, file: "input")
            require(config.hiddenSize % config.attentionHeads == 0, "heads do not divide the hidden size")
        }
    }
}

/// Every tensor has as many values as its shape says.
private func readAll(_ archive: some TensorArchive) {
    for name in archive.tensorNames {
        guard let shape = archive.shape(of: name) else { fatalError("a tensor without a shape: \(name)") }
        refusing { require(try archive.floats(name).count == shape.reduce(1, *), "values of \(name)") }
    }
}
