internal import CHDF5
internal import Glibc

/// An open dataset of the reader process.
struct OpenDataset {
    let id: hid_t
    let space: hid_t
    let fileType: hid_t
    let type: ElementType
    /// Bytes of an element in memory while it is read (a pointer for a text of variable length).
    let elementSize: Int
    let shape: [Int]
    let chunk: [Int]
    let filters: [String]
}

/// A checked part of a dataset, ready to be read.
struct Selection {
    let dataset: OpenDataset
    let start: [Int]
    let count: [Int]
    let elementCount: Int
    /// Bytes that HDF5 has to inflate or copy for it.
    let touchedBytes: Int
}

extension HDF5Library {
    mutating func describe(_ path: String, _ answer: inout WireWriter) throws(ReaderFailure) {
        let dataset = try openDataset(path)
        answer.put(dataset.type.rawValue)
        answer.put(UInt32(dataset.shape.count))
        for length in dataset.shape { answer.put(Int64(length)) }
        answer.put(UInt32(dataset.chunk.count))
        for length in dataset.chunk { answer.put(Int64(length)) }
        answer.put(UInt32(dataset.filters.count))
        for filter in dataset.filters { answer.put(filter) }
    }

    /// Checks a part of a dataset against its shape and the limits.
    mutating func select(_ path: String, start: [Int], count: [Int]) throws(ReaderFailure) -> Selection {
        let dataset = try openDataset(path)
        guard start.count == dataset.shape.count, count.count == start.count else {
            throw ReaderFailure(.inconsistent, "has \(dataset.shape.count) dimensions, not \(start.count)")
        }
        var elements = 1
        var touched = max(1, dataset.elementSize)
        for (dimension, length) in dataset.shape.enumerated() {
            let (first, number) = (start[dimension], count[dimension])
            guard first >= 0, number >= 0, first <= length, number <= length - first else {
                throw ReaderFailure(
                    .inconsistent, "has \(length) entries; \(first)..<\(first &+ number) were asked for")
            }
            elements *= number
            guard elements <= ReaderLimits.answerBytes else { throw ReaderFailure(.tooLarge, "too much at once") }
            var span = number
            if !dataset.chunk.isEmpty, number > 0 {
                let side = dataset.chunk[dimension]
                span = ((first + number - 1) / side - first / side + 1) * side
            }
            let (product, overflow) = touched.multipliedReportingOverflow(by: span)
            touched = overflow ? Int.max / 2 : min(product, Int.max / 2)
        }
        guard elements * max(1, dataset.elementSize) <= ReaderLimits.answerBytes else {
            throw ReaderFailure(.tooLarge, "too much at once")
        }
        return Selection(
            dataset: dataset, start: start, count: count, elementCount: elements, touchedBytes: touched)
    }

    /// Reads numbers or booleans into `elements`.
    mutating func read(_ selection: Selection) throws(ReaderFailure) {
        let dataset = selection.dataset
        guard let memoryType = Self.memoryType(dataset) else {
            throw ReaderFailure(.unsupported, "holds no numbers")
        }
        let bytes = selection.elementCount * dataset.elementSize
        if (memory?.count ?? 0) < bytes {
            memory?.deallocate()
            memory = .allocate(byteCount: bytes, alignment: 64)
        }
        elements =
            memory.map { UnsafeRawBufferPointer(rebasing: $0[0..<bytes]) }
            ?? UnsafeRawBufferPointer(start: nil, count: 0)
        if bytes == 0 { return }
        try transfer(selection, memoryType, memory?.baseAddress)
        if dataset.type == .boolean {
            // An enum's byte may be anything; the parent gets 0 and 1.
            for index in 0..<bytes where memory?[index] != 0 { memory?[index] = 1 }
        }
    }

    func readStrings(_ selection: Selection, _ answer: inout WireWriter) throws(ReaderFailure) {
        let dataset = selection.dataset
        guard dataset.type == .string else { throw ReaderFailure(.unsupported, "holds no texts") }
        answer.put(UInt32(selection.elementCount))
        if selection.elementCount == 0 { return }
        guard let texts = TextElements(type: dataset.fileType, count: selection.elementCount) else {
            throw ReaderFailure(.tooLarge, "declares texts of \(dataset.elementSize) bytes")
        }
        var counts = selection.count.map { hsize_t($0) }
        let space = counts.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(counts.count), &counts, nil)
        defer {
            texts.free(space: space)
            H5Sclose(space)
        }
        try transfer(selection, dataset.fileType, texts.memory.baseAddress)
        try texts.put(&answer)
    }

    private func transfer(
        _ selection: Selection, _ memoryType: hid_t, _ memory: UnsafeMutableRawPointer?
    ) throws(ReaderFailure) {
        let dataset = selection.dataset
        if selection.start.isEmpty {
            if H5Dread(dataset.id, memoryType, 0, 0, Self.defaults, memory) < 0 {
                throw Self.failure("cannot be read")
            }
            return
        }
        var start = selection.start.map { hsize_t($0) }
        var count = selection.count.map { hsize_t($0) }
        let memorySpace = H5Screate_simple(Int32(count.count), &count, nil)
        defer { H5Sclose(memorySpace) }
        guard H5Sselect_hyperslab(dataset.space, H5S_SELECT_SET, &start, nil, &count, nil) >= 0,
            H5Dread(dataset.id, memoryType, memorySpace, dataset.space, Self.defaults, memory) >= 0
        else { throw Self.failure("cannot be read") }
    }

    private static func memoryType(_ dataset: OpenDataset) -> hid_t? {
        switch dataset.type {
        case .float32: chdf5_native(chdf5_float32)
        case .float64: chdf5_native(chdf5_float64)
        case .int8: chdf5_native(chdf5_int8)
        case .int16: chdf5_native(chdf5_int16)
        case .int32: chdf5_native(chdf5_int32)
        case .int64: chdf5_native(chdf5_int64)
        case .uint8: chdf5_native(chdf5_uint8)
        case .uint16: chdf5_native(chdf5_uint16)
        case .uint32: chdf5_native(chdf5_uint32)
        case .uint64: chdf5_native(chdf5_uint64)
        case .boolean: dataset.fileType
        case .string, .other: nil
        }
    }

    mutating func openDataset(_ path: String) throws(ReaderFailure) -> OpenDataset {
        if let dataset = datasets[path] { return dataset }
        let object = try openObject(path)
        let kind = H5Iget_type(object)
        H5Oclose(object)
        guard kind == H5I_DATASET else { throw ReaderFailure(.unsupported, "is no dataset") }
        let dataset = try examine(path)
        datasets[path] = dataset
        return dataset
    }

    private func examine(_ path: String) throws(ReaderFailure) -> OpenDataset {
        var id = try openObject(path)
        let space = H5Dget_space(id)
        let fileType = H5Dget_type(id)
        let properties = H5Dget_create_plist(id)
        guard space >= 0, fileType >= 0, properties >= 0 else { throw Self.failure("its header is unreadable") }
        defer { H5Pclose(properties) }

        let rank = H5Sget_simple_extent_ndims(space)
        guard rank >= 0, rank <= 32 else { throw Self.failure("its shape is unreadable") }
        var lengths = [hsize_t](repeating: 0, count: Int(rank))
        if rank > 0, H5Sget_simple_extent_dims(space, &lengths, nil) < 0 {
            throw Self.failure("its shape is unreadable")
        }
        let elementSize = H5Tget_size(fileType)
        guard elementSize > 0, var shape = Self.checked(lengths, elementSize: elementSize) else {
            throw ReaderFailure(.tooLarge, "declares the shape \(lengths)")
        }
        if H5Sget_simple_extent_type(space) == H5S_NULL { shape = [0] }
        guard H5Pget_external_count(properties) == 0 else {
            throw ReaderFailure(.unsupported, "keeps its elements in another file")
        }
        var chunk: [Int] = []
        let layout = H5Pget_layout(properties)
        if layout == H5D_VIRTUAL { throw ReaderFailure(.unsupported, "is a virtual dataset of other files") }
        if layout == H5D_CHUNKED {
            var sides = [hsize_t](repeating: 0, count: Int(rank))
            guard H5Pget_chunk(properties, rank, &sides) == rank,
                let checked = Self.checked(sides, elementSize: elementSize), !checked.contains(0)
            else { throw Self.failure("its chunk shape is unreadable") }
            chunk = checked
            let bytes = chunk.reduce(elementSize, *)
            guard bytes <= ReaderLimits.chunkBytes else {
                throw ReaderFailure(.tooLarge, "declares chunks of \(bytes) bytes, more than 1 GiB")
            }
        }
        let filters = try filterNames(properties, path)
        try checkStorage(id, shape.reduce(elementSize, *), filters)

        if !chunk.isEmpty {
            // Room for one row of chunks, so that reading rows in order inflates each chunk once.
            var band = chunk.reduce(elementSize, *)
            for (length, side) in zip(shape, chunk).dropFirst() where band < ReaderLimits.chunkCacheBytes {
                band *= (length + side - 1) / side
            }
            let cache = min(max(2 * band, 1 << 20), ReaderLimits.chunkCacheBytes)
            let access = chdf5_dataset_access_properties()
            H5Pset_chunk_cache(access, 12421, cache, 1)
            H5Oclose(id)
            id = try openObjectAsDataset(path, access)
            H5Pclose(access)
        }
        let type = Self.elementType(fileType)
        let sizeInMemory = type.size > 0 ? type.size : elementSize
        return OpenDataset(
            id: id, space: space, fileType: fileType, type: type, elementSize: sizeInMemory, shape: shape,
            chunk: chunk, filters: filters)
    }

    /// Lengths as Int whose product, in bytes, does not overflow.
    private static func checked(_ lengths: [hsize_t], elementSize: Int) -> [Int]? {
        var total = elementSize
        var result: [Int] = []
        for length in lengths {
            guard let length = Int(exactly: length) else { return nil }
            let (product, overflow) = total.multipliedReportingOverflow(by: max(1, length))
            guard !overflow, product <= 1 << 60 else { return nil }
            total = product
            result.append(length)
        }
        return result
    }

    private func filterNames(_ properties: hid_t, _ path: String) throws(ReaderFailure) -> [String] {
        let count = H5Pget_nfilters(properties)
        guard count >= 0, count <= 32 else { throw Self.failure("its filters are unreadable") }
        var names: [String] = []
        for index in 0..<UInt32(count) {
            var flags: UInt32 = 0
            var valueCount = 0
            var name = [CChar](repeating: 0, count: 64)
            let filter = H5Pget_filter2(properties, index, &flags, &valueCount, nil, name.count - 1, &name, nil)
            guard filter >= 0 else { throw Self.failure("its filters are unreadable") }
            let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let label = text.isEmpty ? "number \(filter)" : text
            guard H5Zfilter_avail(filter) > 0 else {
                throw ReaderFailure(.unsupported, "is compressed by the filter \(label), which is not installed")
            }
            names.append(label)
        }
        return names
    }

    /// A shape far beyond what the stored bytes can inflate to is damage: without this check it would be read as an
    /// endless run of fill values. Deflate shrinks at most 1032-fold.
    private func checkStorage(_ id: hid_t, _ declared: Int, _ filters: [String]) throws(ReaderFailure) {
        guard filters.allSatisfy({ ["deflate", "shuffle", "fletcher32"].contains($0) }) else { return }
        let stored = Int(clamping: H5Dget_storage_size(id))
        guard declared <= 16 << 20 || declared / 1100 <= stored else {
            throw ReaderFailure(.inconsistent, "declares \(declared) bytes of elements but holds \(stored)")
        }
    }

    private func openObjectAsDataset(_ path: String, _ access: hid_t) throws(ReaderFailure) -> hid_t {
        let parent = try openObject("/")
        defer { H5Oclose(parent) }
        let id = H5Dopen2(parent, path, access)
        if id < 0 { throw Self.failure("cannot be opened") }
        return id
    }
}
