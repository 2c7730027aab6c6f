internal import CHDF5
internal import Glibc

/// An open dataset of the reader process.
struct OpenDataset {
    let id: hid_t
    let space: hid_t
    /// Of the elements; of the member's, if there is one.
    let fileType: hid_t
    let type: ElementType
    /// Bytes of an element in memory while it is read (a pointer for a text of variable length).
    let elementSize: Int
    /// Bytes of a row of the table, or of an element, in the file.
    let storedSize: Int
    /// The member of a table; nil for other datasets.
    let member: String?
    /// The sides of the member, if it is an array.
    let memberShape: [Int]
    /// Those of the dataset, then those of the member.
    let shape: [Int]
    let chunk: [Int]
    let filters: [String]
    let hasDirectChunks: Bool
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
    /// The names of the members of a dataset's compound type; none if it has another type.
    func members(_ path: String, _ answer: inout WireWriter) throws(ReaderFailure) {
        let object = try openObject(path)
        defer { H5Oclose(object) }
        guard H5Iget_type(object) == H5I_DATASET else { throw ReaderFailure(.unsupported, "is no dataset") }
        let type = H5Dget_type(object)
        guard type >= 0 else { throw Self.failure("its type is unreadable") }
        defer { H5Tclose(type) }
        let count = H5Tget_class(type) == H5T_COMPOUND ? H5Tget_nmembers(type) : 0
        guard count >= 0 else { throw Self.failure("its members cannot be counted") }
        answer.put(UInt32(count))
        for index in 0..<UInt32(count) {
            guard let name = H5Tget_member_name(type, index) else {
                throw Self.failure("the name of member \(index) is unreadable")
            }
            answer.put(UnsafeRawBufferPointer(start: name, count: strlen(name)))
            H5free_memory(name)
        }
    }

    mutating func describe(_ path: String, _ member: String, _ answer: inout WireWriter) throws(ReaderFailure) {
        let dataset = try openDataset(path, member)
        answer.put(dataset.type.rawValue)
        answer.put(UInt32(dataset.shape.count))
        for length in dataset.shape { answer.put(Int64(length)) }
        answer.put(UInt32(dataset.chunk.count))
        for length in dataset.chunk { answer.put(Int64(length)) }
        answer.put(UInt32(dataset.filters.count))
        for filter in dataset.filters { answer.put(filter) }
        answer.put(dataset.hasDirectChunks ? UInt8(1) : 0)
    }

    /// Checks a part of a dataset against its shape and the limits.
    mutating func select(
        _ path: String, _ member: String, start: [Int], count: [Int]
    ) throws(ReaderFailure) -> Selection {
        let dataset = try openDataset(path, member)
        guard start.count == dataset.shape.count, count.count == start.count else {
            throw ReaderFailure(.inconsistent, "has \(dataset.shape.count) dimensions, not \(start.count)")
        }
        var elements = 1
        let rank = dataset.shape.count - dataset.memberShape.count
        var touched = dataset.storedSize
        var chunks = 1
        for (dimension, length) in dataset.shape.enumerated() {
            let (first, number) = (start[dimension], count[dimension])
            guard first >= 0, number >= 0, first <= length, number <= length - first else {
                throw ReaderFailure(
                    .inconsistent, "has \(length) entries; \(first)..<\(first &+ number) were asked for")
            }
            let (total, isTooMuch) = elements.multipliedReportingOverflow(by: number)
            elements = total
            guard !isTooMuch, elements <= ReaderLimits.answerBytes else {
                throw ReaderFailure(.tooLarge, "too much at once")
            }
            guard dimension < rank else {
                guard number == length else { throw ReaderFailure(.unsupported, "is read by whole rows") }
                continue
            }
            var span = number
            if !dataset.chunk.isEmpty, number > 0 {
                let side = dataset.chunk[dimension]
                let count = (first + number - 1) / side - first / side + 1
                span = count * side
                let (all, isTooMany) = chunks.multipliedReportingOverflow(by: count)
                chunks = isTooMany ? 1 << 40 : min(all, 1 << 40)
            }
            let (product, overflow) = touched.multipliedReportingOverflow(by: span)
            touched = overflow ? Int.max / 2 : min(product, Int.max / 2)
        }
        guard elements * max(1, dataset.elementSize) <= ReaderLimits.answerBytes else {
            throw ReaderFailure(.tooLarge, "too much at once")
        }
        // Finding a chunk takes its time, too: as much as some 4 KiB of it.
        touched = min(touched + chunks << 12, Int.max / 2)
        return Selection(
            dataset: dataset, start: start, count: count, elementCount: elements, touchedBytes: touched)
    }

    /// Reads numbers or booleans into `elements`.
    mutating func read(_ selection: Selection) throws(ReaderFailure) {
        let dataset = selection.dataset
        guard let memoryType = dataset.type == .boolean ? dataset.fileType : Self.memoryType(dataset.type) else {
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
        guard dataset.memberShape.isEmpty else { throw ReaderFailure(.unsupported, "holds arrays of texts") }
        try transfer(selection, dataset.fileType, texts.memory.baseAddress)
        try texts.put(&answer)
    }

    private func transfer(
        _ selection: Selection, _ memoryType: hid_t, _ memory: UnsafeMutableRawPointer?
    ) throws(ReaderFailure) {
        let dataset = selection.dataset
        let memoryType = dataset.member.map { Self.table(of: $0, memoryType, dataset.memberShape) } ?? memoryType
        defer { if dataset.member != nil { H5Tclose(memoryType) } }
        let rank = dataset.shape.count - dataset.memberShape.count
        if rank == 0 {
            if H5Dread(dataset.id, memoryType, 0, 0, Self.defaults, memory) < 0 {
                throw Self.failure("cannot be read")
            }
            return
        }
        var start = selection.start.prefix(rank).map { hsize_t($0) }
        var count = selection.count.prefix(rank).map { hsize_t($0) }
        let memorySpace = H5Screate_simple(Int32(count.count), &count, nil)
        defer { H5Sclose(memorySpace) }
        guard H5Sselect_hyperslab(dataset.space, H5S_SELECT_SET, &start, nil, &count, nil) >= 0,
            H5Dread(dataset.id, memoryType, memorySpace, dataset.space, Self.defaults, memory) >= 0
        else { throw Self.failure("cannot be read") }
    }

    /// A table of one member: HDF5 then hands over that member alone.
    private static func table(of member: String, _ type: hid_t, _ shape: [Int]) -> hid_t {
        var sides = shape.map { hsize_t($0) }
        let element = sides.isEmpty ? type : H5Tarray_create2(type, UInt32(sides.count), &sides)
        let table = H5Tcreate(H5T_COMPOUND, H5Tget_size(element))
        H5Tinsert(table, member, 0, element)
        if element != type { H5Tclose(element) }
        return table
    }

    /// nil for what is not read as numbers, or has no native type.
    private static func memoryType(_ type: ElementType) -> hid_t? {
        switch type {
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
        case .boolean, .string, .other: nil
        }
    }

    mutating func openDataset(_ path: String, _ member: String) throws(ReaderFailure) -> OpenDataset {
        if let dataset = datasets[[path, member]] { return dataset }
        let object = try openObject(path)
        let kind = H5Iget_type(object)
        H5Oclose(object)
        guard kind == H5I_DATASET else { throw ReaderFailure(.unsupported, "is no dataset") }
        let dataset = try examine(path, member: member.isEmpty ? nil : member)
        datasets[[path, member]] = dataset
        return dataset
    }

    private func examine(_ path: String, member: String?) throws(ReaderFailure) -> OpenDataset {
        var id = try openObject(path)
        let space = H5Dget_space(id)
        var fileType = H5Dget_type(id)
        let properties = H5Dget_create_plist(id)
        guard space >= 0, fileType >= 0, properties >= 0 else { throw Self.failure("its header is unreadable") }
        defer { H5Pclose(properties) }

        let rank = H5Sget_simple_extent_ndims(space)
        guard rank >= 0, rank <= 32 else { throw Self.failure("its shape is unreadable") }
        var lengths = [hsize_t](repeating: 0, count: Int(rank))
        if rank > 0, H5Sget_simple_extent_dims(space, &lengths, nil) < 0 {
            throw Self.failure("its shape is unreadable")
        }
        let storedSize = H5Tget_size(fileType)
        guard storedSize > 0, var shape = Self.checked(lengths, elementSize: storedSize) else {
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
                let checked = Self.checked(sides, elementSize: storedSize), !checked.contains(0)
            else { throw Self.failure("its chunk shape is unreadable") }
            chunk = checked
            let bytes = chunk.reduce(storedSize, *)
            guard bytes <= ReaderLimits.chunkBytes else {
                throw ReaderFailure(.tooLarge, "declares chunks of \(bytes) bytes, more than 1 GiB")
            }
        }
        let filters = try filterNames(properties, path)
        try checkStorage(id, shape.reduce(storedSize, *), filters)

        if !chunk.isEmpty {
            // Room for one row of chunks, so that reading rows in order inflates each chunk once; at least one chunk.
            let chunkBytes = chunk.reduce(storedSize, *)
            var band = chunkBytes
            for (length, side) in zip(shape, chunk).dropFirst() where band < ReaderLimits.chunkCacheBytes {
                band *= min(length / side + 1, 1 << 30)
            }
            let cache = min(max(2 * band, 1 << 20), max(ReaderLimits.chunkCacheBytes, chunkBytes))
            let access = chdf5_dataset_access_properties()
            H5Pset_chunk_cache(access, 12421, cache, 1)
            H5Oclose(id)
            id = try openObjectAsDataset(path, access)
            H5Pclose(access)
        }
        var memberShape: [Int] = []
        if let member {
            (fileType, memberShape) = try Self.element(of: member, in: fileType)
            // A row of the table holds the member, so this product is within the limit of the one above.
            shape += memberShape
            if !chunk.isEmpty { chunk += memberShape }
        }
        let type = Self.elementType(fileType)
        let sizeInMemory = type.size > 0 ? type.size : H5Tget_size(fileType)
        let hasDirectChunks =
            member == nil && shape.count == 1 && chunk.count == 1
            && hasDirectChunks(properties, fileType, memoryType: type == .boolean ? nil : Self.memoryType(type))
        return OpenDataset(
            id: id, space: space, fileType: fileType, type: type, elementSize: sizeInMemory, storedSize: storedSize,
            member: member, memberShape: memberShape, shape: shape, chunk: chunk, filters: filters,
            hasDirectChunks: hasDirectChunks)
    }

    /// The type of a member's elements, and its sides if it is an array.
    private static func element(
        of member: String, in table: hid_t
    ) throws(ReaderFailure) -> (type: hid_t, shape: [Int]) {
        guard H5Tget_class(table) == H5T_COMPOUND else { throw ReaderFailure(.unsupported, "is no member of a table") }
        let index = H5Tget_member_index(table, member)
        guard index >= 0 else { throw ReaderFailure(.missing, "is not in the table") }
        let type = H5Tget_member_type(table, UInt32(index))
        guard type >= 0 else { throw failure("its type is unreadable") }
        guard H5Tget_class(type) == H5T_ARRAY else { return (type, []) }
        let rank = H5Tget_array_ndims(type)
        guard rank > 0, rank <= 32 else { throw failure("its shape is unreadable") }
        var sides = [hsize_t](repeating: 0, count: Int(rank))
        let element = H5Tget_super(type)
        guard H5Tget_array_dims2(type, &sides) == rank, element >= 0,
            let shape = checked(sides, elementSize: max(1, H5Tget_size(element))), !shape.contains(0),
            shape.reduce(H5Tget_size(element), *) <= H5Tget_size(table)
        else { throw failure("its shape is unreadable") }
        return (element, shape)
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
            let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
            let label = text.isEmpty ? "number \(filter)" : text
            guard H5Zfilter_avail(filter) > 0 else {
                throw ReaderFailure(
                    .unsupported, "is compressed by the filter \(label), which is not read (gzip and lzf are)")
            }
            names.append(label)
        }
        return names
    }

    /// A shape far beyond what the stored bytes can inflate to is damage: without this check it would be read as an
    /// endless run of fill values. Deflate shrinks at most 1032-fold, lzf 88-fold.
    private func checkStorage(_ id: hid_t, _ declared: Int, _ filters: [String]) throws(ReaderFailure) {
        guard filters.allSatisfy({ ["deflate", "shuffle", "fletcher32", "lzf"].contains($0) }) else { return }
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
