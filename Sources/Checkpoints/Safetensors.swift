internal import Foundation

/// Writing safetensors files: every tensor of an archive as F32 or F16, in the order of the names, the values on a multiple
/// of 8 bytes. The same tensors and metadata give the same bytes.
package enum Safetensors {
    /// What numbers are written as.
    package enum StoredType: Sendable {
        case float32
        /// Rounded to nearest: half the bytes, 11 significant bits.
        case float16
    }

    /// The file's bytes.
    ///
    /// - Throws: ``CheckpointError`` if `tensors` cannot give one, `tooLarge` for a header past the format's limit.
    package static func write(
        _ tensors: some TensorArchive, as type: StoredType = .float32, metadata: [String: String] = [:]
    ) throws(CheckpointError) -> [UInt8] {
        var result: [UInt8] = []
        try write(tensors, type, metadata: metadata, file: tensors.file) { bytes throws(CheckpointError) in
            bytes.withUnsafeBytes { result.append(contentsOf: $0) }
        }
        return result
    }

    /// The end of the name of a file that was begun and not finished: a killed process leaves it behind.
    package static let partialEnding = ".partial"

    /// Writes the file at `path`: first beside it, then moved into its place, so that no half file is ever there.
    /// One tensor at a time is in memory.
    ///
    /// - Throws: ``CheckpointError`` as above, or `notWritable`.
    package static func write(
        _ tensors: some TensorArchive, as type: StoredType = .float32, metadata: [String: String] = [:],
        to path: String
    ) throws(CheckpointError) {
        func notWritable(_ error: any Error) -> CheckpointError {
            CheckpointError(
                .notWritable, file: path, detail: "the file cannot be written (\(error.localizedDescription))")
        }
        let partial = path + partialEnding
        guard let handle = FileHandle(creatingAtPath: partial) else {
            throw CheckpointError(
                .notWritable, file: path, detail: "the file cannot be created (\(String(cString: strerror(errno))))")
        }
        do throws(CheckpointError) {
            try write(tensors, type, metadata: metadata, file: path) { bytes throws(CheckpointError) in
                do {
                    try bytes.withUnsafeBytes { try handle.write(contentsOf: $0) }
                } catch {
                    throw notWritable(error)
                }
            }
            do {
                try handle.synchronize()
                try handle.close()
            } catch {
                throw notWritable(error)
            }
            guard rename(partial, path) == 0 else {
                throw CheckpointError(
                    .notWritable, file: path,
                    detail: "the file cannot be replaced (\(String(cString: strerror(errno))))")
            }
        } catch {
            try? handle.close()
            unlink(partial)
            throw error
        }
    }

    private static func write(
        _ tensors: some TensorArchive, _ type: StoredType, metadata: [String: String], file: String,
        to sink: (RawSpan) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let header = try header(of: tensors, type, metadata: metadata, file: file)
        let length = [UInt64(header.count).littleEndian]
        try sink(length.span.bytes)
        try sink(header.span.bytes)
        for name in tensors.tensorNames {
            let floats = try tensors.floats(name)
            switch type {
            case .float32:
                let values = floats.map { $0.bitPattern.littleEndian }
                try sink(values.span.bytes)
            case .float16:
                let values = floats.map { Half.bits($0).littleEndian }
                try sink(values.span.bytes)
            }
        }
    }

    private static func header(
        of tensors: some TensorArchive, _ type: StoredType, metadata: [String: String], file: String
    ) throws(CheckpointError) -> [UInt8] {
        var entries: [String: RawTensor] = [:]
        var offset = 0
        for name in tensors.tensorNames {
            let shape = tensors.shape(of: name) ?? []
            let end = offset + shape.reduce(type == .float32 ? 4 : 2, *)
            entries[name] = RawTensor(
                dtype: (type == .float32 ? TensorType.float32 : .float16).rawValue, shape: shape,
                data_offsets: [offset, end])
            offset = end
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var bytes = try? [UInt8](encoder.encode(EncodedHeader(metadata: metadata, entries: entries))) else {
            throw CheckpointError(.notWritable, file: file, detail: "the tensor names cannot be written as JSON")
        }
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - bytes.count % 8) % 8))
        guard bytes.count <= SafetensorsHeader.maximumLength else {
            throw CheckpointError(
                .tooLarge, file: file,
                detail: "the header would be \(bytes.count) bytes, the format allows \(SafetensorsHeader.maximumLength)"
            )
        }
        return bytes
    }
}

private struct EncodedHeader: Encodable {
    let metadata: [String: String]
    let entries: [String: RawTensor]

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TensorName.self)
        if !metadata.isEmpty {
            try container.encode(metadata, forKey: TensorName(stringValue: "__metadata__"))
        }
        for (name, entry) in entries { try container.encode(entry, forKey: TensorName(stringValue: name)) }
    }
}
