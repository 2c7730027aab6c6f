internal import CellTransformer
internal import Checkpoints
internal import Foundation
internal import LMDBStore
internal import Tokenizers

/// The model inside the database file.
enum StoredModel {
    static func put(_ model: EmbeddingModel, in transaction: inout WriteTransaction) throws {
        let names = model.weights.tensorNames
        let record = ModelRecord(
            name: model.name, sha256: model.sha256, architecture: .init(model.configuration),
            untrainedSeed: model.untrainedSeed,
            tensors: names.map { .init(name: $0, shape: model.weights.shape(of: $0) ?? []) },
            labels: model.labels.isEmpty ? nil : model.labels,
            isV2: model.vocabulary.isV2, vocabularyCount: model.vocabulary.count, geneCount: model.vocabulary.geneCount)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        func put(_ bytes: [UInt8], _ name: String) throws {
            try Layout.model.put(bytes, for: "\(model.sha256)/\(name)", in: &transaction)
        }
        let bytes = [UInt8](try encoder.encode(record))
        try put(bytes, "record")
        try put(Array(Checksummed.seal(bytes).prefix(Checksummed.headerBytes)), "record.crc32")
        try put(Array(model.vocabulary.tableText().utf8), Vocabulary.tableName)
        try put(Array(model.vocabulary.mappingText().utf8), Vocabulary.mappingName)
        for name in names {
            try put(model.weights.floats(name).withUnsafeBytes { Array($0) }, "tensor/\(name)")
        }
    }

    static func record(
        _ reference: ModelReference, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> ModelRecord {
        let bytes = try part("record", of: reference, in: transaction)
        // Files of the first days have none.
        let key = "\(reference.sha256)/record.crc32"
        if let checksum = try Layout.model.value(for: key, in: transaction), Checksummed.open(checksum + bytes) == nil {
            throw damaged("record")
        }
        guard let record = try? JSONDecoder().decode(ModelRecord.self, from: Data(bytes)),
            record.sha256 == reference.sha256
        else { throw damaged("record") }
        let configuration = try undamaged("record") { try record.architecture.configuration() }
        guard (1...configuration.vocabularySize).contains(record.vocabularyCount) else { throw damaged("record") }
        return record
    }

    static func vocabulary(
        _ reference: ModelReference, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Vocabulary {
        let table = try part(Vocabulary.tableName, of: reference, in: transaction)
        let mapping = try part(Vocabulary.mappingName, of: reference, in: transaction)
        let vocabulary = try undamaged("vocabulary") { try Vocabulary(table: table, mapping: mapping) }
        let record = try record(reference, in: transaction)
        guard vocabulary.count == record.vocabularyCount, vocabulary.geneCount == record.geneCount,
            vocabulary.isV2 == record.isV2
        else { throw damaged("vocabulary") }
        return vocabulary
    }

    /// Reads the whole model. O(its bytes).
    static func load(
        _ reference: ModelReference, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> EmbeddingModel {
        let record = try record(reference, in: transaction)
        var tensors = TensorDictionary(file: "the model in the database")
        for tensor in record.tensors {
            let bytes = try part("tensor/\(tensor.name)", of: reference, in: transaction)
            guard tensor.hasBytes(bytes.count) else { throw damaged("tensor \(tensor.name)") }
            let values = bytes.withUnsafeBytes { raw in
                [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, count in
                    UnsafeMutableRawBufferPointer(buffer).copyMemory(from: raw)
                    count = bytes.count / 4
                }
            }
            tensors.tensors[tensor.name] = .init(shape: tensor.shape, values: values)
        }
        let vocabulary = try vocabulary(reference, in: transaction)
        return try undamaged("tensors") {
            try EmbeddingModel(
                name: record.name, weights: BertWeights(record.architecture.configuration(), from: tensors),
                vocabulary: vocabulary, untrainedSeed: record.untrainedSeed, labels: record.labels ?? [],
                sha256: record.sha256)
        }
    }

    private static func part(
        _ name: String, of reference: ModelReference, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8] {
        guard let bytes = try Layout.model.value(for: "\(reference.sha256)/\(name)", in: transaction) else {
            throw damaged(name)
        }
        return bytes
    }

    /// Whatever does not fit in what this program wrote itself is damage.
    private static func undamaged<R>(_ part: String, _ body: () throws -> R) throws(EmbDBError) -> R {
        do {
            return try body()
        } catch {
            // What to do about it is not what it would be for a file of the user's.
            let detail =
                switch error {
                case let error as TokenizerError: error.detail
                case let error as CheckpointError: (error.tensor.map { "\($0): " } ?? "") + error.detail
                default: EmbDBError(wrapping: error).message
                }
            throw damaged("\(part): \(detail)")
        }
    }

    private static func damaged(_ part: String) -> EmbDBError {
        EmbDBError(
            .corrupted, "the stored model is damaged (\(part)): restore a backup, or ingest again into a new file")
    }
}
