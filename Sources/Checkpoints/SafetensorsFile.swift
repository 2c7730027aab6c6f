/// A safetensors file (https://github.com/huggingface/safetensors#format): 8 bytes of header length, a JSON header
/// that names type, shape and place of every tensor, then the values. The header is checked as a whole when the
/// file is opened; values are read when asked for. A tensor name that the header repeats counts once, as JSON has it.
package struct SafetensorsFile: TensorArchive {
    package let file: String
    package let tensorNames: [String]
    /// The header's `__metadata__`; empty if it has none.
    package let metadata: [String: String]
    private let tensors: [String: SafetensorsHeader.Tensor]
    /// Where the values begin, from the start of the file.
    private let start: Int
    private let source: SafetensorsSource

    /// Opens the file at `path` and checks its header. It stays open as long as a copy of this value lives.
    ///
    /// - Throws: ``CheckpointError`` `notFound`, `notReadable`, `tooLarge` for a header past 100 MB, `unsupported`
    ///   for an unknown element type or a Git LFS pointer, `malformed` for anything else that is against the format.
    package init(path: String) throws(CheckpointError) {
        try self.init(file: path, source: .file(try ReadOnlyFile(path: path)))
    }

    /// The same from bytes in memory; `file` names them in messages.
    package init(bytes: [UInt8], file: String) throws(CheckpointError) {
        try self.init(file: file, source: .memory(bytes))
    }

    private init(file: String, source: SafetensorsSource) throws(CheckpointError) {
        let size = source.size
        try GitLFSPointer.refuse(try source.read(at: 0, count: min(size, 64), file: file), file: file)
        guard size >= 8 else {
            throw CheckpointError(
                .malformed, file: file, detail: "no safetensors file: \(size) bytes have no room for a header")
        }
        let length = try source.read(at: 0, count: 8, file: file).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= SafetensorsHeader.maximumLength else {
            throw CheckpointError(
                .tooLarge, file: file,
                detail: "the header claims \(length) bytes, the format allows \(SafetensorsHeader.maximumLength)")
        }
        guard Int(length) <= size - 8 else {
            throw CheckpointError(
                .malformed, file: file,
                detail: "the header claims \(length) bytes, but the file has \(size)")
        }
        let header = try SafetensorsHeader(
            json: try source.read(at: 8, count: Int(length), file: file), dataSize: size - 8 - Int(length), file: file)
        self.file = file
        self.source = source
        start = 8 + Int(length)
        metadata = header.metadata
        tensors = header.tensors
        tensorNames = header.tensors.keys.sorted()
    }

    package func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    package func type(of name: String) -> TensorType? { tensors[name]?.type }

    package func floats(_ name: String) throws(CheckpointError) -> [Float] {
        let tensor = try tensor(name)
        guard tensor.type.isReadableAsFloat,
            let values = try bytes(of: tensor).withUnsafeBytes({ tensor.type.floats($0) })
        else {
            throw CheckpointError(
                .unsupported, file: file, tensor: name,
                detail: "the type \(tensor.type.rawValue) cannot be turned into plain numbers", advice: "save it as F32"
            )
        }
        return values
    }

    /// All values of an integer or Boolean tensor, row-major.
    ///
    /// - Throws: ``CheckpointError`` as ``floats(_:)`` does; `unsupported` too for floats and for values past
    ///   `Int64`.
    package func integers(_ name: String) throws(CheckpointError) -> [Int64] {
        let tensor = try tensor(name)
        guard tensor.type.isInteger,
            let values = try bytes(of: tensor).withUnsafeBytes({ tensor.type.integers($0) })
        else {
            throw CheckpointError(
                .unsupported, file: file, tensor: name,
                detail: "the type is \(tensor.type.rawValue), integers of 64 bits with a sign are wanted")
        }
        return values
    }

    private func tensor(_ name: String) throws(CheckpointError) -> SafetensorsHeader.Tensor {
        guard let tensor = tensors[name] else {
            throw CheckpointError(.missingTensor, file: file, tensor: name, detail: "there is no tensor of that name")
        }
        return tensor
    }

    private func bytes(of tensor: SafetensorsHeader.Tensor) throws(CheckpointError) -> [UInt8] {
        try source.read(at: start + tensor.bytes.lowerBound, count: tensor.bytes.count, file: file)
    }
}

/// Where the bytes are.
private enum SafetensorsSource: Sendable {
    case file(ReadOnlyFile)
    case memory([UInt8])

    var size: Int {
        switch self {
        case .file(let file): file.size
        case .memory(let bytes): bytes.count
        }
    }

    /// `count` bytes from `offset`, which the caller has checked against ``size``.
    func read(at offset: Int, count: Int, file name: String) throws(CheckpointError) -> [UInt8] {
        switch self {
        case .file(let file): try file.read(at: offset, count: count)
        case .memory(let bytes): Array(bytes[offset..<offset + count])
        }
    }
}
