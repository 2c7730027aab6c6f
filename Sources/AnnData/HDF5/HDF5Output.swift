/// An HDF5 file that is being written, through a child process (see ReaderHook.swift). A file that is changed may be
/// damaged, and may then end the child; what it leaves behind is of no use.
final class HDF5Output {
    /// How errors call the file.
    let name: String
    /// Whether the file was there before, so that it may be its fault when something fails.
    private let isChange: Bool
    private var process: ReaderProcess?
    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 12, alignment: 64)

    /// Begins an empty file at `path`.
    convenience init(creating path: String, calledAs name: String) throws(AnnDataError) {
        try self.init(path, name, .create)
    }

    /// Opens the file at `path`, to change it.
    convenience init(changing path: String, calledAs name: String) throws(AnnDataError) {
        try self.init(path, name, .open)
    }

    private init(_ path: String, _ name: String, _ operation: WriterOperation) throws(AnnDataError) {
        self.name = name
        isChange = operation == .open
        do throws(ReaderDeath) {
            process = try ReaderProcess.start()
        } catch {
            throw HDF5File.error(of: error, file: name, element: nil)
        }
        try request(operation, path, isFile: true) { _ in }
    }

    deinit { memory.deallocate() }

    func makeGroup(_ path: String) throws(AnnDataError) { try request(.makeGroup, path) { _ in } }

    /// Sets or replaces an attribute; a scalar has one element.
    func setAttribute(
        _ attribute: String, of object: String, to value: AttributeValue, isScalar: Bool = true
    ) throws(AnnDataError) {
        try request(.setAttribute, object) { message in
            message.put(attribute)
            message.put(UInt8(isScalar ? 1 : 0))
            value.put(into: &message)
        }
    }

    /// Makes a dataset and opens it for writing, until anything else is done. Large ones are stored in chunks of whole
    /// rows, compressed.
    func makeDataset(_ path: String, _ type: ElementType, shape: [Int]) throws(AnnDataError) {
        let chunk = Self.chunk(of: shape, elementBytes: Self.storedBytes(type))
        try request(.makeDataset, path) { message in
            message.put(type.rawValue)
            for lengths in [shape, chunk] {
                message.put(UInt32(lengths.count))
                for length in lengths { message.put(UInt64(length)) }
            }
        }
    }

    /// Writes elements, at most ``WriterLimits/slabBytes``, to a part of the dataset that was made last. `start` and
    /// `count` have one number per dimension.
    func write(
        _ elements: UnsafeRawBufferPointer, to dataset: String, start: [Int], count: [Int]
    ) throws(AnnDataError) {
        try request(.write, dataset) { message in
            Self.put(start, count, &message)
            message.put(elements)
        }
    }

    /// Writes texts of at most ``WriterLimits/textBytes`` in all; a scalar dataset takes one, and no start.
    func write(
        _ texts: some Collection<String>, to dataset: String, start: [Int]
    ) throws(AnnDataError) {
        try request(.writeTexts, dataset) { message in
            Self.put(start, start.isEmpty ? [] : [texts.count], &message)
            for text in texts { message.put(text) }
        }
    }

    func remove(_ link: String) throws(AnnDataError) { try request(.remove, link) { _ in } }

    /// Writes what is left and closes the file. Nothing else may be called afterwards.
    func finish() throws(AnnDataError) { try request(.finish, "/") { _ in } }

    /// The chunk of a dataset: whole rows of about ``WriterLimits/chunkBytes``; parts of very wide ones. Empty for small
    /// datasets.
    static func chunk(of shape: [Int], elementBytes: Int) -> [Int] {
        guard let rows = shape.first, shape.reduce(elementBytes, *) >= WriterLimits.smallestCompressed else {
            return []
        }
        let width = shape.dropFirst().reduce(1, *)
        let columns = min(width, WriterLimits.chunkBytes / elementBytes)
        let height = min(rows, max(1, WriterLimits.chunkBytes / (columns * elementBytes)))
        return shape.count == 1 ? [height] : [height, columns]
    }

    /// Bytes of an element in the file; texts lie elsewhere, here are their lengths and addresses.
    private static func storedBytes(_ type: ElementType) -> Int { type == .string ? 16 : type.size }

    private static func put(_ start: [Int], _ count: [Int], _ message: inout WireWriter) {
        message.put(UInt32(start.count))
        for (start, count) in zip(start, count) {
            message.put(UInt64(start))
            message.put(UInt64(count))
        }
    }

    private func request(
        _ operation: WriterOperation, _ element: String, isFile: Bool = false, _ operands: (inout WireWriter) -> Void
    ) throws(AnnDataError) {
        var message = WireWriter()
        message.put(operation.rawValue)
        message.put(element)
        operands(&message)
        let answer: (status: ReaderStatus, length: Int)
        do throws(ReaderDeath) {
            guard process != nil else { throw .crashed }
            try process?.send(message.bytes)
            guard let received = try process?.receive(into: &memory) else { throw .crashed }
            answer = received
        } catch {
            throw self.error(of: error, isFile ? nil : element)
        }
        guard answer.status == .done else {
            let text = String(decoding: memory[..<answer.length], as: UTF8.self)
            throw self.error(text, isFile ? nil : element)
        }
    }

    private func error(of death: ReaderDeath, _ element: String?) -> AnnDataError {
        if isChange { return HDF5File.error(of: death, file: name, element: element) }
        return AnnDataError(
            .notWritten, file: name, path: element, "the process that writes HDF5 ended before its work was done",
            advice: "look whether the machine ran out of memory or disk")
    }

    /// `message` holds the number of the system's error where there was one.
    private func error(_ message: String, _ element: String?) -> AnnDataError {
        let what = element.map { "\($0) " } ?? "the file "
        if let code = message.firstMatch(of: /errno = ([0-9]+)/).flatMap({ Int32($0.1) }) {
            return AnnDataError(.notWritten, file: name, path: element, what + "cannot be written: " + errorText(code))
        }
        guard isChange else { return AnnDataError(.notWritten, file: name, path: element, what + message) }
        return AnnDataError(
            .damaged, file: name, path: element, "a copy of the file cannot be changed: " + what + message,
            advice: "read it and write it again with a current anndata")
    }
}

extension AttributeValue {
    /// What `AttributeValue.init(_:)` decodes.
    func put(into wire: inout WireWriter) {
        switch self {
        case .strings(let values):
            wire.put(UInt8(1))
            wire.put(UInt32(values.count))
            for value in values { wire.put(value) }
        case .integers(let values):
            wire.put(UInt8(2))
            wire.put(UInt32(values.count))
            for value in values { wire.put(value) }
        case .numbers(let values):
            wire.put(UInt8(3))
            wire.put(UInt32(values.count))
            for value in values { wire.put(value) }
        case .booleans(let values):
            wire.put(UInt8(4))
            wire.put(UInt32(values.count))
            for value in values { wire.put(UInt8(value ? 1 : 0)) }
        case .other: wire.put(UInt8(0))
        }
    }
}
