internal import CHDF5
internal import Glibc

/// The calls of libhdf5 that write. Used in the child process alone: a file that is changed may be damaged.
struct HDF5WriteLibrary {
    private static let defaults = HDF5Library.defaults
    private var file: hid_t = -1
    /// The dataset that was written to last; closed before anything else is done.
    private var dataset: (path: String, id: hid_t)?

    mutating func perform(
        _ operation: WriterOperation, _ path: String, _ wire: inout WireReader
    ) throws(ReaderFailure) {
        switch operation {
        case .create, .open: try open(path, isNew: operation == .create)
        case .makeGroup: try makeGroup(path)
        case .setAttribute: try setAttribute(path, &wire)
        case .makeDataset: try makeDataset(path, &wire)
        case .write, .writeTexts: try write(path, areTexts: operation == .writeTexts, &wire)
        case .remove:
            try closeDataset()
            if H5Ldelete(file, path, Self.defaults) < 0 { throw HDF5Library.failure("cannot be removed") }
        case .finish: try finish()
        }
    }

    private mutating func open(_ path: String, isNew: Bool) throws(ReaderFailure) {
        // A limit on the size of files is an error of `write`, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        H5open()
        H5Eset_auto2(Self.defaults, nil, nil)
        // A file names no other files: no external links.
        H5Lunregister(H5L_TYPE_EXTERNAL)
        // H5F_ACC_TRUNC, H5F_ACC_RDWR
        file = isNew ? H5Fcreate(path, 2, Self.defaults, Self.defaults) : H5Fopen(path, 1, Self.defaults)
        if file < 0 { throw HDF5Library.failure(isNew ? "cannot be created" : "cannot be opened for writing") }
    }

    private mutating func makeGroup(_ path: String) throws(ReaderFailure) {
        try closeDataset()
        let links = linkProperties()
        let properties = chdf5_group_creation_properties()
        defer {
            H5Pclose(links)
            H5Pclose(properties)
        }
        // Two runs give the same bytes.
        H5Pset_obj_track_times(properties, false)
        let group = H5Gcreate2(file, path, links, properties, Self.defaults)
        guard group >= 0, H5Gclose(group) >= 0 else { throw HDF5Library.failure("cannot be made") }
    }

    private mutating func setAttribute(_ path: String, _ wire: inout WireReader) throws(ReaderFailure) {
        guard let name = wire.takeString(), let isScalar = wire.take(UInt8.self), let value = AttributeValue(&wire)
        else { throw Self.notARequest }
        try closeDataset()
        let object = H5Oopen(file, path, Self.defaults)
        if object < 0 { throw HDF5Library.failure("cannot be opened") }
        defer { H5Oclose(object) }
        let exists = H5Aexists(object, name)
        guard exists >= 0, exists == 0 || H5Adelete(object, name) >= 0 else {
            throw HDF5Library.failure("the attribute \(name) cannot be replaced")
        }
        let isWritten =
            switch value {
            case .strings(let texts):
                Self.withTextPointers(texts) { pointers in
                    write(name, of: object, .string, isScalar != 0 ? nil : texts.count, pointers)
                }
            case .integers(let numbers):
                numbers.withUnsafeBytes { write(name, of: object, .int64, isScalar != 0 ? nil : numbers.count, $0) }
            case .numbers(let numbers):
                numbers.withUnsafeBytes { write(name, of: object, .float64, isScalar != 0 ? nil : numbers.count, $0) }
            case .booleans(let flags):
                flags.map { UInt8($0 ? 1 : 0) }.withUnsafeBytes {
                    write(name, of: object, .boolean, isScalar != 0 ? nil : flags.count, $0)
                }
            case .other: false
            }
        if !isWritten { throw HDF5Library.failure("the attribute \(name) cannot be written") }
    }

    /// `count` nil: a scalar.
    private func write(
        _ name: String, of object: hid_t, _ type: ElementType, _ count: Int?, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let type = Self.hdf5Type(type)
        var length = hsize_t(count ?? 1)
        let space = count == nil ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &length, nil)
        let attribute = H5Acreate2(object, name, type, space, Self.defaults, Self.defaults)
        defer {
            H5Sclose(space)
            H5Tclose(type)
        }
        guard attribute >= 0 else { return false }
        let isWritten = count == 0 || H5Awrite(attribute, type, bytes.baseAddress) >= 0
        return H5Aclose(attribute) >= 0 && isWritten
    }

    private mutating func makeDataset(_ path: String, _ wire: inout WireReader) throws(ReaderFailure) {
        func lengths() -> [hsize_t]? {
            guard let count = wire.takeCount(bytesEach: 8), count <= 32 else { return nil }
            let lengths = (0..<count).compactMap { _ in wire.take(UInt64.self) }
            return lengths.count == count ? lengths : nil
        }
        guard let element = wire.take(UInt8.self).flatMap(ElementType.init), element != .other,
            var shape = lengths(), var chunk = lengths(), chunk.isEmpty || chunk.count == shape.count
        else { throw Self.notARequest }
        try closeDataset()
        let type = Self.hdf5Type(element)
        let space = shape.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(shape.count), &shape, nil)
        let links = linkProperties()
        let properties = chdf5_dataset_creation_properties()
        defer {
            H5Sclose(space)
            H5Tclose(type)
            H5Pclose(links)
            H5Pclose(properties)
        }
        H5Pset_obj_track_times(properties, false)
        if !chunk.isEmpty {
            H5Pset_chunk(properties, Int32(chunk.count), &chunk)
            H5Pset_shuffle(properties)
            H5Pset_deflate(properties, WriterLimits.deflateLevel)
        }
        let id = H5Dcreate2(file, path, type, space, links, properties, Self.defaults)
        if id < 0 { throw HDF5Library.failure("cannot be made") }
        dataset = (path, id)
    }

    private mutating func write(
        _ path: String, areTexts: Bool, _ wire: inout WireReader
    ) throws(ReaderFailure) {
        guard let rank = wire.takeCount(bytesEach: 16) else { throw Self.notARequest }
        var (start, count): ([hsize_t], [hsize_t]) = ([], [])
        for _ in 0..<rank {
            guard let first = wire.take(UInt64.self), let length = wire.take(UInt64.self) else {
                throw Self.notARequest
            }
            start.append(first)
            count.append(length)
        }
        guard let dataset, dataset.path == path else { throw Self.notARequest }
        let type = H5Dget_type(dataset.id)
        let whole = H5Dget_space(dataset.id)
        let part = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(rank), &count, nil)
        defer {
            H5Tclose(type)
            H5Sclose(whole)
            H5Sclose(part)
        }
        guard rank == 0 || H5Sselect_hyperslab(whole, H5S_SELECT_SET, &start, nil, &count, nil) >= 0,
            H5Sget_select_npoints(whole) == H5Sget_simple_extent_npoints(part)
        else { throw Self.notARequest }
        let elements = Int(H5Sget_simple_extent_npoints(part))
        func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
            H5Dwrite(dataset.id, type, part, whole, Self.defaults, bytes.baseAddress) >= 0
        }
        let isWritten: Bool
        if areTexts {
            guard H5Tis_variable_str(type) > 0 else { throw Self.notARequest }
            var texts: [String] = []
            for _ in 0..<elements {
                guard let text = wire.takeString() else { throw Self.notARequest }
                texts.append(text)
            }
            isWritten = Self.withTextPointers(texts, write)
        } else {
            guard H5Tget_class(type) != H5T_STRING, let bytes = wire.takeBytes(),
                bytes.count == elements * H5Tget_size(type)
            else { throw Self.notARequest }
            isWritten = write(bytes)
        }
        if !isWritten { throw HDF5Library.failure("cannot be written") }
    }

    private mutating func closeDataset() throws(ReaderFailure) {
        guard let id = dataset?.id else { return }
        dataset = nil
        // Chunks that HDF5 still holds are written here.
        if H5Dclose(id) < 0 { throw HDF5Library.failure("cannot be written") }
    }

    private mutating func finish() throws(ReaderFailure) {
        try closeDataset()
        guard H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0, H5Fclose(file) >= 0 else {
            throw HDF5Library.failure("cannot be written to its end")
        }
        file = -1
    }

    /// Names are UTF-8.
    private func linkProperties() -> hid_t {
        let properties = chdf5_link_creation_properties()
        H5Pset_char_encoding(properties, H5T_CSET_UTF8)
        return properties
    }

    /// The type as h5py has it, little-endian where the machine is; to be closed.
    private static func hdf5Type(_ type: ElementType) -> hid_t {
        switch type {
        case .float32: H5Tcopy(chdf5_native(chdf5_float32))
        case .float64: H5Tcopy(chdf5_native(chdf5_float64))
        case .int8: H5Tcopy(chdf5_native(chdf5_int8))
        case .int16: H5Tcopy(chdf5_native(chdf5_int16))
        case .int32: H5Tcopy(chdf5_native(chdf5_int32))
        case .int64: H5Tcopy(chdf5_native(chdf5_int64))
        case .uint8: H5Tcopy(chdf5_native(chdf5_uint8))
        case .uint16: H5Tcopy(chdf5_native(chdf5_uint16))
        case .uint32: H5Tcopy(chdf5_native(chdf5_uint32))
        case .uint64: H5Tcopy(chdf5_native(chdf5_uint64))
        case .boolean: booleanType()
        case .string: textType()
        case .other: -1
        }
    }

    private static func textType() -> hid_t {
        let type = chdf5_variable_text()
        H5Tset_cset(type, H5T_CSET_UTF8)
        return type
    }

    private static func booleanType() -> hid_t {
        let type = H5Tenum_create(chdf5_native(chdf5_int8))
        for (name, value) in [("FALSE", Int8(0)), ("TRUE", 1)] {
            _ = withUnsafeBytes(of: value) { H5Tenum_insert(type, name, $0.baseAddress) }
        }
        return type
    }

    /// Lends texts as HDF5 takes them: pointers to zero-terminated UTF-8.
    private static func withTextPointers<R>(_ texts: [String], _ body: (UnsafeRawBufferPointer) -> R) -> R {
        var bytes: [CChar] = []
        var offsets: [Int] = []
        for text in texts {
            offsets.append(bytes.count)
            bytes.append(contentsOf: text.utf8CString)
        }
        return bytes.withUnsafeBufferPointer { bytes in
            offsets.map { offset in bytes.baseAddress.map { $0 + offset } }.withUnsafeBytes(body)
        }
    }

    private static var notARequest: ReaderFailure { ReaderFailure(.failed, "not a request") }
}
