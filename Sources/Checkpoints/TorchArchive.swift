/// A PyTorch checkpoint, `pytorch_model.bin` or `.pt`: a zip file with a pickle that describes the tensors
/// (`NAME/data.pkl`) and a record of bytes for each storage (`NAME/data/KEY`); what `torch.save` writes since
/// PyTorch 1.6. Nothing in it is run. Entries of the state dict that are no tensors are left out.
package struct TorchArchive: TensorArchive {
    package let file: String
    package let tensorNames: [String]
    private let tensors: [String: TorchTensor]
    private let records: [String: ZipArchive.Entry]
    private let archive: ZipArchive
    private let prefix: String

    /// Names under which training programs keep the state dict.
    private static let nesting = ["state_dict", "model_state_dict", "model", "module"]
    /// A state dict of thousands of tensors has some hundred kilobytes.
    private static let maximumPickle = 1 << 27

    /// Opens the file at `path`, reads its pickle and checks that every tensor lies in its storage. It stays open as
    /// long as a copy of this value lives.
    ///
    /// - Throws: ``CheckpointError`` `notFound`, `notReadable`; `unsupported` for a file of PyTorch before 1.6, a big-endian
    ///   one, a Git LFS pointer, a pickle that mentions code; `malformed`, `tooLarge`.
    package init(path: String) throws(CheckpointError) {
        let source = try ReadOnlyFile(path: path)
        guard try ZipArchive.isZip(source) else { throw try Self.notZip(source) }
        let zip = try ZipArchive(source)
        guard let pickleEntry = zip.entries.first(where: { $0.name == "data.pkl" || $0.name.hasSuffix("/data.pkl") })
        else {
            throw CheckpointError(.malformed, file: path, detail: "a zip file without the data.pkl of PyTorch")
        }
        let prefix = String(pickleEntry.name.dropLast("data.pkl".count))
        var records: [String: ZipArchive.Entry] = [:]
        for entry in zip.entries { records[entry.name] = entry }
        if let entry = records[prefix + "byteorder"] {
            let order = String(decoding: try zip.read(entry, limit: 64), as: UTF8.self)
            guard order == "little" else {
                throw CheckpointError(
                    .unsupported, file: path,
                    detail: "the byte order is \(order), not little",
                    advice: "save it again on a usual machine")
            }
        }
        let bytes = try zip.read(pickleEntry, limit: Self.maximumPickle)
        guard pickleEntry.checksum == 0 || Inflate.checksum(bytes) == pickleEntry.checksum else {
            throw CheckpointError(
                .malformed, file: path, detail: "the checksum of data.pkl is wrong")
        }
        let pickle = try Pickle(bytes: bytes, file: path)

        self.file = path
        archive = zip
        self.prefix = prefix
        self.records = records
        tensors = try Self.stateDict(of: pickle, file: path)
        tensorNames = tensors.keys.sorted()
        for name in tensorNames {
            if let tensor = tensors[name] { try check(tensor, name: name) }
        }
    }

    package func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    package func type(of name: String) -> TensorType? { tensors[name]?.type }

    package func floats(_ name: String) throws(CheckpointError) -> [Float] {
        guard let tensor = tensors[name] else {
            throw CheckpointError(.missingTensor, file: file, tensor: name, detail: "there is no tensor of that name")
        }
        let bytes = try bytes(of: tensor, name: name)
        guard let values = bytes.withUnsafeBytes({ tensor.type.floats($0) }) else {
            throw CheckpointError(
                .unsupported, file: file, tensor: name,
                detail: "the type \(tensor.type.rawValue) cannot be turned into plain numbers",
                advice: "save it as float32")
        }
        return values
    }

    // MARK: State dict

    private static func stateDict(of pickle: Pickle, file: String) throws(CheckpointError) -> [String: TorchTensor] {
        func tensors(_ value: Pickle.Value) -> [String: TorchTensor] {
            var found: [String: TorchTensor] = [:]
            for (key, value) in pickle.entries(value) ?? [] {
                if let name = key.string, let tensor = pickle.tensor(value) { found[name] = tensor }
            }
            return found
        }
        let outer = tensors(pickle.root)
        if !outer.isEmpty { return outer }
        for name in nesting {
            for (key, value) in pickle.entries(pickle.root) ?? [] where key.string == name {
                let inner = tensors(value)
                if !inner.isEmpty { return inner }
            }
        }
        throw CheckpointError(
            .unsupported, file: file,
            detail: "the file holds no dict of tensors (a state dict)",
            advice: "save the model by torch.save(model.state_dict(), …)")
    }

    private static func notZip(_ file: ReadOnlyFile) throws(CheckpointError) -> CheckpointError {
        let start = try file.read(at: 0, count: min(file.size, 64))
        try GitLFSPointer.refuse(start, file: file.path)
        // The magic number 0x1950A86A20F9469CFC6C as a pickle of its own.
        if start.starts(with: [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]) {
            return CheckpointError(
                .unsupported, file: file.path,
                detail: "saved by a PyTorch before 1.6 or in its old format",
                advice: "load it in PyTorch and save it again by torch.save(state_dict, file), or as safetensors")
        }
        return CheckpointError(
            .malformed, file: file.path,
            detail: "no PyTorch file (no zip archive): cut off or of another format")
    }

    // MARK: Storages

    private func record(of tensor: TorchTensor, name: String) throws(CheckpointError) -> ZipArchive.Entry {
        guard let entry = records[prefix + "data/" + tensor.storage.key] else {
            throw CheckpointError(
                .malformed, file: file, tensor: name,
                detail: "the tensor's storage data/\(tensor.storage.key) is not in the file")
        }
        return entry
    }

    /// The elements of the storage from the tensor's first to behind its last; nil if a number overflows.
    private static func range(of tensor: TorchTensor) -> Range<Int>? {
        if tensor.shape.contains(0) { return tensor.offset..<tensor.offset }
        var last = tensor.offset
        for (size, stride) in zip(tensor.shape, tensor.strides) {
            let (step, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
            let (sum, overflowed) = last.addingReportingOverflow(step)
            guard !overflow, !overflowed else { return nil }
            last = sum
        }
        return last < .max ? tensor.offset..<last + 1 : nil
    }

    private func check(_ tensor: TorchTensor, name: String) throws(CheckpointError) {
        let entry = try record(of: tensor, name: name)
        let available = entry.size / (tensor.type.bits / 8)
        guard let range = Self.range(of: tensor), range.upperBound <= available else {
            throw CheckpointError(
                .malformed, file: file, tensor: name,
                detail: "the tensor lies outside of its storage of \(entry.size) bytes")
        }
        var count = 1
        for size in tensor.shape where !tensor.shape.contains(0) {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= available else {
                throw CheckpointError(
                    .unsupported, file: file, tensor: name,
                    detail: "the tensor repeats its storage (an expanded tensor)",
                    advice: "save it after .contiguous()")
            }
            count = product
        }
    }

    /// The tensor's elements in row-major order.
    private func bytes(of tensor: TorchTensor, name: String) throws(CheckpointError) -> [UInt8] {
        let entry = try record(of: tensor, name: name)
        let size = tensor.type.bits / 8
        guard let range = Self.range(of: tensor), !range.isEmpty else { return [] }
        let window: [UInt8]
        if entry.method == 0 {
            window = try archive.file.read(
                at: try archive.dataOffset(entry) + range.lowerBound * size, count: range.count * size)
        } else {
            window = Array(try archive.read(entry)[range.lowerBound * size..<range.upperBound * size])
        }
        return isRowMajor(tensor) ? window : gather(tensor, from: window, elementSize: size)
    }

    private func isRowMajor(_ tensor: TorchTensor) -> Bool {
        var expected = 1
        for (size, stride) in zip(tensor.shape, tensor.strides).reversed() where size != 1 {
            guard stride == expected else { return false }
            expected *= size
        }
        return true
    }

    /// Copies the elements one by one; `window` begins at the tensor's first element.
    private func gather(_ tensor: TorchTensor, from window: [UInt8], elementSize: Int) -> [UInt8] {
        let count = tensor.shape.reduce(1, *)
        var result: [UInt8] = []
        result.reserveCapacity(count * elementSize)
        var index = [Int](repeating: 0, count: tensor.shape.count)
        var place = 0
        for _ in 0..<count {
            result.append(contentsOf: window[place * elementSize..<(place + 1) * elementSize])
            for axis in index.indices.reversed() {
                index[axis] += 1
                place += tensor.strides[axis]
                if index[axis] < tensor.shape[axis] { break }
                place -= index[axis] * tensor.strides[axis]
                index[axis] = 0
            }
        }
        return result
    }
}
