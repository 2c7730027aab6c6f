internal import CHDF5
internal import Glibc

/// Why the reader process could not answer.
struct ReaderFailure: Error {
    let status: ReaderStatus
    let message: String

    init(_ status: ReaderStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}

/// The calls of libhdf5. Used in the reader process alone: on a damaged file any of them may crash or not return.
struct HDF5Library {
    static let defaults: hid_t = 0

    private var file: hid_t = -1
    /// Open datasets by path and member: an open dataset keeps its inflated chunks.
    var datasets: [[String]: OpenDataset] = [:]
    /// The file as it was named, and what finds its chunks, once they are asked for.
    private(set) var name = ""
    var finder: ChunkFinder?
    /// Memory of the last `read`, to be sent without a copy.
    var elements: UnsafeRawBufferPointer?
    var memory: UnsafeMutableRawBufferPointer?

    mutating func open(_ path: String) throws(ReaderFailure) {
        H5open()
        H5Eset_auto2(Self.defaults, nil, nil)
        // A file names no other files: no external links.
        H5Lunregister(H5L_TYPE_EXTERNAL)
        LZFFilter.register()
        name = path
        file = H5Fopen(path, 0, Self.defaults)
        if file < 0 { throw Self.failure("cannot be opened") }
    }

    func list(_ path: String, _ answer: inout WireWriter) throws(ReaderFailure) {
        let object = try openObject(path)
        defer { H5Oclose(object) }
        guard H5Iget_type(object) == H5I_GROUP else { throw ReaderFailure(.unsupported, "is no group") }
        var names: [[UInt8]] = []
        let status = withUnsafeMutablePointer(to: &names) { names in
            chdf5_each_link(
                object,
                chdf5_visitor(
                    visit: { name, context in
                        guard let name, let names = context?.assumingMemoryBound(to: [[UInt8]].self) else { return -1 }
                        if names.pointee.count == ReaderLimits.names { return 1 }
                        names.pointee.append(Array(UnsafeRawBufferPointer(start: name, count: strlen(name))))
                        return 0
                    }, context: names))
        }
        guard status >= 0 else { throw Self.failure("its links are unreadable") }
        guard status == 0 else { throw ReaderFailure(.tooLarge, "has more than \(ReaderLimits.names) links") }
        answer.put(UInt32(names.count))
        for name in names {
            let child = (name + [0]).withUnsafeBytes { bytes in
                H5Oopen(object, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Self.defaults)
            }
            let type = child < 0 ? H5I_BADID : H5Iget_type(child)
            if child >= 0 { H5Oclose(child) }
            answer.put(name)
            answer.put(type == H5I_GROUP ? UInt8(1) : type == H5I_DATASET ? 2 : 0)
        }
    }

    func attributes(_ path: String, _ answer: inout WireWriter) throws(ReaderFailure) {
        let object = try openObject(path)
        defer { H5Oclose(object) }
        let count = H5Aget_num_attrs(object)
        guard count >= 0, count <= ReaderLimits.names else { throw Self.failure("its attributes cannot be counted") }
        answer.put(UInt32(count))
        for index in 0..<hsize_t(count) {
            let attribute = H5Aopen_by_idx(
                object, ".", H5_INDEX_NAME, H5_ITER_INC, index, Self.defaults, Self.defaults)
            guard attribute >= 0 else { throw Self.failure("attribute \(index) cannot be opened") }
            defer { H5Aclose(attribute) }
            let length = H5Aget_name(attribute, 0, nil)
            guard length >= 0, length < 1 << 16 else {
                throw Self.failure("the name of attribute \(index) is unreadable")
            }
            var name = [CChar](repeating: 0, count: length + 1)
            guard H5Aget_name(attribute, length + 1, &name) >= 0 else {
                throw Self.failure("the name of attribute \(index) is unreadable")
            }
            answer.put(name.prefix(length).map { UInt8(truncatingIfNeeded: $0) })
            try putValue(of: attribute, &answer)
        }
    }

    /// Type (1 text, 2 integer, 3 number, 4 boolean, 0 other), count, elements.
    private func putValue(of attribute: hid_t, _ answer: inout WireWriter) throws(ReaderFailure) {
        let space = H5Aget_space(attribute)
        let fileType = H5Aget_type(attribute)
        guard space >= 0, fileType >= 0 else { throw Self.failure("the type of an attribute is unreadable") }
        defer {
            H5Sclose(space)
            H5Tclose(fileType)
        }
        let count = H5Sget_simple_extent_npoints(space)
        guard count >= 0, count <= ReaderLimits.attributeElements else {
            throw ReaderFailure(.tooLarge, "an attribute declares \(count) elements")
        }
        let type = Self.elementType(fileType)
        switch type {
        case .other:
            answer.put(UInt8(0))
        case .string:
            let texts = TextElements(type: fileType, count: Int(count))
            guard let texts else { throw ReaderFailure(.tooLarge, "an attribute's texts are too long") }
            defer { texts.free(space: space) }
            guard count == 0 || H5Aread(attribute, fileType, texts.memory.baseAddress) >= 0 else {
                throw Self.failure("an attribute is unreadable")
            }
            answer.put(UInt8(1))
            answer.put(UInt32(count))
            try texts.put(&answer)
        case .boolean:
            var values = [UInt8](repeating: 0, count: Int(count))
            guard count == 0 || H5Aread(attribute, fileType, &values) >= 0 else {
                throw Self.failure("an attribute is unreadable")
            }
            answer.put(UInt8(4))
            answer.put(UInt32(count))
            for value in values { answer.put(value == 0 ? UInt8(0) : 1) }
        default:
            answer.put(UInt8(type.isInteger ? 2 : 3))
            answer.put(UInt32(count))
            var values = [UInt64](repeating: 0, count: Int(count))
            let memoryType = chdf5_native(type.isInteger ? chdf5_int64 : chdf5_float64)
            guard count == 0 || H5Aread(attribute, memoryType, &values) >= 0 else {
                throw Self.failure("an attribute is unreadable")
            }
            for value in values { answer.put(value) }
        }
    }

    /// Opens a group or dataset; every link of the path is looked up first, so that "not there" is told from damage.
    func openObject(_ path: String) throws(ReaderFailure) -> hid_t {
        if path != "/" {
            var prefix = ""
            for part in path.split(separator: "/") {
                prefix += (prefix.isEmpty ? "" : "/") + part
                let exists = H5Lexists(file, prefix, Self.defaults)
                if exists < 0 { throw Self.failure("cannot be looked up") }
                if exists == 0 { throw ReaderFailure(.missing, "is not in the file") }
            }
        }
        if path != "/", H5Oexists_by_name(file, path, Self.defaults) == 0 {
            throw ReaderFailure(.missing, "is a link that leads nowhere")
        }
        let object = H5Oopen(file, path, Self.defaults)
        if object < 0 { throw Self.failure("cannot be opened") }
        return object
    }

    /// How an HDF5 type is read.
    static func elementType(_ type: hid_t) -> ElementType {
        let size = H5Tget_size(type)
        switch H5Tget_class(type) {
        case H5T_FLOAT: return size <= 4 ? .float32 : .float64
        case H5T_INTEGER:
            let isSigned = H5Tget_sign(type) != H5T_SGN_NONE
            return switch size {
            case 1: isSigned ? .int8 : .uint8
            case 2: isSigned ? .int16 : .uint16
            case 3...4: isSigned ? .int32 : .uint32
            case 5...8: isSigned ? .int64 : .uint64
            default: .other
            }
        case H5T_STRING: return .string
        case H5T_ENUM:
            guard size == 1, H5Tget_nmembers(type) == 2, memberName(type, 0) == "FALSE", memberName(type, 1) == "TRUE"
            else { return .other }
            return .boolean
        default: return .other
        }
    }

    private static func memberName(_ type: hid_t, _ index: UInt32) -> String? {
        guard let name = H5Tget_member_name(type, index) else { return nil }
        defer { H5free_memory(name) }
        return String(cString: name)
    }

    /// What HDF5 says about the failed call: the innermost function knows best ("required filter 'lzf' is not
    /// registered", "truncated file: eof = …").
    static func failure(_ what: String) -> ReaderFailure {
        var reason = ""
        withUnsafeMutablePointer(to: &reason) { reason in
            let keepFirst: H5E_walk2_t = { _, error, context in
                guard let text = error?.pointee.desc, let reason = context?.assumingMemoryBound(to: String.self) else {
                    return 0
                }
                if reason.pointee.isEmpty { reason.pointee = String(cString: text) }
                return 0
            }
            H5Ewalk2(defaults, H5E_WALK_UPWARD, keepFirst, reason)
        }
        H5Eclear2(defaults)
        return ReaderFailure(.failed, reason.isEmpty ? what : "\(what); HDF5: \(reason)")
    }
}
