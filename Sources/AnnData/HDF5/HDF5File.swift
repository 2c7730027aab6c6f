internal import Glibc
internal import Synchronization

/// Size and time of a file: whether it has changed.
package struct FileFingerprint: Sendable, Equatable {
    /// Bytes.
    package let size: Int64
    /// Nanoseconds since 1970.
    package let modified: Int64

    package init(size: Int64, modified: Int64) {
        self.size = size
        self.modified = modified
    }

    init(_ info: stat) {
        size = Int64(info.st_size)
        modified = Int64(info.st_mtim.tv_sec) * 1_000_000_000 + Int64(info.st_mtim.tv_nsec)
    }
}

/// An HDF5 file, read through a child process (see ReaderHook.swift), so that no file can crash or hang the caller.
///
/// A request costs tens of microseconds plus the reading. Threads take turns. After the child has died of a damaged
/// file, every call throws the error of that death.
package final class HDF5File: @unchecked Sendable {
    /// The file as the caller named it.
    package let path: String
    package let fingerprint: FileFingerprint

    // Everything below is touched under `lock`.
    private let lock = Mutex<Void>(())
    private var reader: (any HDF5Reader)?
    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
    private var death: AnnDataError?

    /// Opens a regular file that starts with an HDF5 signature.
    package convenience init(path: String) throws(AnnDataError) {
        let fingerprint = try Self.examine(path)
        let reader: ReaderProcess
        do throws(ReaderDeath) {
            reader = try ReaderProcess.start()
        } catch {
            throw Self.error(of: error, file: path, element: nil)
        }
        try self.init(path: path, fingerprint: fingerprint, reader: reader)
    }

    /// The same with another reader than a process of our own; only a fuzzer needs that.
    package init(path: String, fingerprint: FileFingerprint, reader: any HDF5Reader) throws(AnnDataError) {
        self.path = path
        self.fingerprint = fingerprint
        self.reader = reader
        try request(.open, path) { (_: inout WireReader) -> Void? in .some(()) }
    }

    deinit { memory.deallocate() }

    /// The links of a group, in order of name.
    package func list(_ group: String) throws(AnnDataError) -> [(name: String, kind: ElementKind)] {
        try request(.list, group) { wire in
            guard let count = wire.takeCount(bytesEach: 5) else { return nil }
            var links: [(name: String, kind: ElementKind)] = []
            for _ in 0..<count {
                guard let name = wire.takeString(), let kind = wire.take(UInt8.self).map(ElementKind.init) else {
                    return nil
                }
                links.append((name, kind))
            }
            return links
        }
    }

    /// The attributes of a group or dataset.
    package func attributes(_ element: String) throws(AnnDataError) -> [String: AttributeValue] {
        try request(.attributes, element) { wire in
            guard let count = wire.takeCount(bytesEach: 5) else { return nil }
            var attributes: [String: AttributeValue] = [:]
            for _ in 0..<count {
                guard let name = wire.takeString(), let value = AttributeValue(&wire) else { return nil }
                attributes[name] = value
            }
            return attributes
        }
    }

    /// The members of a table (a dataset of compound type), in their order; none if it is another dataset.
    package func members(_ dataset: String) throws(AnnDataError) -> [String] {
        try request(.members, dataset) { wire in
            guard let count = wire.takeCount(bytesEach: 4) else { return nil }
            var names: [String] = []
            for _ in 0..<count {
                guard let name = wire.takeString() else { return nil }
                names.append(name)
            }
            return names
        }
    }

    /// Shape and type of a dataset, or of one member of a table. The reader process has compared them with what is
    /// stored; that they fit the size of the file is checked here again, because a damaged file may have overwritten
    /// its memory, and callers make room for what is claimed.
    package func describe(_ dataset: String, member: String? = nil) throws(AnnDataError) -> DatasetInfo {
        let info = try describeUnchecked(dataset, member)
        let bytes = info.count.multipliedReportingOverflow(by: max(1, info.type.size))
        let (limit, isUnlimited) = Int(fingerprint.size).multipliedReportingOverflow(by: ReaderLimits.inflation)
        guard isUnlimited || (!bytes.overflow && bytes.partialValue <= limit) else {
            throw AnnDataError(
                .inconsistent, file: path, path: dataset,
                "\(dataset) claims the shape \(info.shape), far more than a file of \(fingerprint.size) bytes holds",
                advice: "get a fresh copy of the file")
        }
        return info
    }

    private func describeUnchecked(_ dataset: String, _ member: String?) throws(AnnDataError) -> DatasetInfo {
        try request(.describe, dataset, member) { wire in
            func lengths() -> [Int]? {
                guard let count = wire.takeCount(bytesEach: 8) else { return nil }
                var result: [Int] = []
                var total = 1
                for _ in 0..<count {
                    guard let length = wire.take(Int64.self), length >= 0 else { return nil }
                    let (product, overflow) = total.multipliedReportingOverflow(by: max(1, Int(length)))
                    if overflow { return nil }
                    total = product
                    result.append(Int(length))
                }
                return result
            }
            guard let type = wire.take(UInt8.self).flatMap(ElementType.init), let shape = lengths(),
                let chunk = lengths(), let filterCount = wire.takeCount(bytesEach: 4)
            else { return nil }
            var filters: [String] = []
            for _ in 0..<filterCount {
                guard let name = wire.takeString() else { return nil }
                filters.append(name)
            }
            guard let direct = wire.take(UInt8.self) else { return nil }
            return DatasetInfo(
                path: dataset, member: member, type: type, shape: shape, chunk: chunk, filters: filters,
                hasDirectChunks: direct == 1)
        }
    }

    /// Lends the elements of a part of a dataset, row-major, native order, at most `ReaderLimits.answerBytes`.
    /// `start` and `count` have one number per dimension. `body` must not call this file.
    func withElements<R>(
        _ dataset: DatasetInfo, start: [Int], count: [Int], _ body: (UnsafeRawBufferPointer) -> R
    ) throws(AnnDataError) -> R {
        let bytes = count.reduce(dataset.type.size, *)
        return try request(.read, dataset.path, dataset.member, start, count) { wire in
            wire.remaining == bytes ? body(wire.bytes) : nil
        }
    }

    /// The texts of a part of a one-dimensional dataset.
    package func readStrings(_ dataset: DatasetInfo, _ range: Range<Int>) throws(AnnDataError) -> [String] {
        var texts: [String] = []
        // A damaged file may claim any number: what comes is believed.
        texts.reserveCapacity(min(range.count, 1 << 16))
        var slice = 8192
        var start = range.lowerBound
        while start < range.upperBound {
            let count = min(slice, range.upperBound - start)
            do throws(AnnDataError) {
                texts += try requestStrings(dataset, start, count)
                start += count
            } catch {
                // Long texts: fewer at once.
                guard error.code == .tooLarge, count > 1 else { throw error }
                slice = count / 2
            }
        }
        return texts
    }

    private func requestStrings(
        _ dataset: DatasetInfo, _ start: Int, _ count: Int
    ) throws(AnnDataError) -> [String] {
        let isScalar = dataset.shape.isEmpty
        return try request(
            .readStrings, dataset.path, dataset.member, isScalar ? [] : [start], isScalar ? [] : [count]
        ) { wire in
            guard wire.takeCount(bytesEach: 4) == count else { return nil }
            var part: [String] = []
            part.reserveCapacity(count)
            for _ in 0..<count {
                guard let text = wire.takeString() else { return nil }
                part.append(text)
            }
            return part
        }
    }

    /// One request and its answer; `decode` returns nil if the answer makes no sense.
    func request<R>(
        _ operation: ReaderOperation, _ element: String, _ member: String? = nil, _ start: [Int] = [],
        _ count: [Int] = [],
        _ decode: (inout WireReader) -> R?
    ) throws(AnnDataError) -> R {
        var message = WireWriter()
        message.put(operation.rawValue)
        message.put(element)
        message.put(member ?? "")
        message.put(UInt32(start.count))
        for (start, count) in zip(start, count) {
            message.put(Int64(start))
            message.put(Int64(count))
        }
        let place = operation == .open ? nil : member.map { "\(element)/\($0)" } ?? element
        return try lock.withLock { (_) throws(AnnDataError) -> R in
            if let death { throw death }
            let outcome: Result<R, AnnDataError>
            do throws(ReaderDeath) {
                guard let reader else { throw .crashed }
                let answer = try reader.answer(message.bytes, into: &memory)
                let payload = UnsafeRawBufferPointer(rebasing: memory[0..<answer.length])
                if answer.status == .done {
                    var wire = WireReader(payload)
                    guard let result = decode(&wire) else { throw .crashed }
                    outcome = .success(result)
                } else {
                    let text = String(decoding: payload, as: UTF8.self)
                    outcome = .failure(Self.error(of: answer.status, text, file: path, element: place))
                }
            } catch {
                let error = Self.error(of: error, file: path, element: place)
                death = error
                reader = nil
                throw error
            }
            return try outcome.get()
        }
    }
}
