// The C globals that hold HDF5's class ids are set once, by H5open.
@preconcurrency internal import CHDF5

/// Writes cells as an AnnData file (encoding version 0.1.0, https://anndata.readthedocs.io/en/stable/fileformat-prose.html):
/// X as csr_matrix of int32, obs with `cell_type` and `disease`, var with `feature_name`.
struct H5ADWriter {
    /// - Throws: ``SimulationError`` if HDF5 refuses something.
    static func write(_ cells: [SimulatedCell], genes: [Gene], to path: String) throws {
        H5open()
        let file = try check(H5Fcreate(path, truncate, defaults, defaults), path)
        defer { H5Fclose(file) }
        let writer = H5ADWriter(path: path)
        try writer.label(file, "anndata", "0.1.0")

        let x = try writer.group(file, "X", "csr_matrix", "0.1.0")
        defer { H5Gclose(x) }
        try writer.attribute(x, "shape", [Int64(cells.count), Int64(genes.count)])
        var starts: [Int64] = [0]
        for cell in cells { starts.append(starts[starts.count - 1] + Int64(cell.counts.count)) }
        try writer.dataset(x, "indptr", starts)
        try writer.dataset(x, "indices", cells.flatMap { $0.counts.map(\.gene) })
        try writer.dataset(x, "data", cells.flatMap { $0.counts.map(\.count) })

        let obs = try writer.frame(file, "obs", index: "cell", columns: ["cell_type", "disease"])
        defer { H5Gclose(obs) }
        try writer.texts(obs, "cell", cells.indices.map { "simulated-\($0 + 1)" })
        try writer.categories(obs, "cell_type", cells.map(\.type))
        try writer.categories(obs, "disease", cells.map(\.disease))

        let variables = try writer.frame(file, "var", index: "ensembl_id", columns: ["feature_name"])
        defer { H5Gclose(variables) }
        try writer.texts(variables, "ensembl_id", genes.map(\.id))
        try writer.texts(variables, "feature_name", genes.map(\.symbol))
    }

    // Macros with casts are not imported.
    private static let defaults: hid_t = 0
    private static let truncate: UInt32 = 2
    private static let wholeSpace: hid_t = 0
    private static let variableLength = -1

    private let path: String

    // MARK: AnnData's encodings

    private func group(_ parent: hid_t, _ name: String, _ type: String, _ version: String) throws -> hid_t {
        let group = try check(H5Gcreate2(parent, name, Self.defaults, Self.defaults, Self.defaults), name)
        try label(group, type, version)
        return group
    }

    private func frame(_ file: hid_t, _ name: String, index: String, columns: [String]) throws -> hid_t {
        let group = try group(file, name, "dataframe", "0.2.0")
        try attribute(group, "_index", [index], isScalar: true)
        try attribute(group, "column-order", columns)
        return group
    }

    private func texts(_ group: hid_t, _ name: String, _ values: [String]) throws {
        try withTexts(values) { type, pointers in
            try dataset(group, name, type, pointers.count, pointers.baseAddress, "string-array", "0.2.0")
        }
    }

    private func categories(_ parent: hid_t, _ name: String, _ values: [String]) throws {
        let names = Set(values).sorted()
        let group = try group(parent, name, "categorical", "0.2.0")
        defer { H5Gclose(group) }
        try texts(group, "categories", names)
        try dataset(group, "codes", values.map { value in Int8(names.firstIndex(of: value) ?? -1) })
        try falseAttribute(group, "ordered")
    }

    private func label(_ object: hid_t, _ type: String, _ version: String) throws {
        try attribute(object, "encoding-type", [type], isScalar: true)
        try attribute(object, "encoding-version", [version], isScalar: true)
    }

    // MARK: HDF5

    private func dataset<T: HDF5Number>(_ group: hid_t, _ name: String, _ values: [T]) throws {
        try values.withUnsafeBytes {
            try dataset(group, name, chdf5_native(T.hdf5Type), values.count, $0.baseAddress, "array", "0.2.0")
        }
    }

    /// A compressed vector of `count` elements of `type` at `bytes`.
    private func dataset(
        _ group: hid_t, _ name: String, _ type: hid_t, _ count: Int, _ bytes: UnsafeRawPointer?, _ encoding: String,
        _ version: String
    ) throws {
        var length = hsize_t(count)
        let space = try check(H5Screate_simple(1, &length, nil), name)
        defer { H5Sclose(space) }
        let properties = try check(H5Pcreate(H5P_CLS_DATASET_CREATE_ID_g), name)
        defer { H5Pclose(properties) }
        // Two runs give the same bytes.
        try check(H5Pset_obj_track_times(properties, false), name)
        if count > 0 {
            var chunk = min(length, 1 << 16)
            try check(H5Pset_chunk(properties, 1, &chunk), name)
            try check(H5Pset_deflate(properties, 4), name)
        }
        let dataset = try check(H5Dcreate2(group, name, type, space, Self.defaults, properties, Self.defaults), name)
        defer { H5Dclose(dataset) }
        try check(H5Dwrite(dataset, type, Self.wholeSpace, Self.wholeSpace, Self.defaults, bytes), name)
        try label(dataset, encoding, version)
    }

    private func attribute(_ object: hid_t, _ name: String, _ values: [Int64]) throws {
        try values.withUnsafeBytes {
            try attribute(object, name, chdf5_native(chdf5_int64), count: values.count, $0.baseAddress)
        }
    }

    private func attribute(_ object: hid_t, _ name: String, _ values: [String], isScalar: Bool = false) throws {
        try withTexts(values) { type, pointers in
            try attribute(object, name, type, count: isScalar ? nil : values.count, pointers.baseAddress)
        }
    }

    /// False as h5py writes it: of an enumeration of FALSE and TRUE.
    private func falseAttribute(_ object: hid_t, _ name: String) throws {
        let type = try check(H5Tenum_create(chdf5_native(chdf5_int8)), name)
        defer { H5Tclose(type) }
        for (member, value) in [("FALSE", Int8(0)), ("TRUE", 1)] {
            _ = try withUnsafeBytes(of: value) { try check(H5Tenum_insert(type, member, $0.baseAddress), name) }
        }
        try withUnsafeBytes(of: Int8(0)) { try attribute(object, name, type, count: nil, $0.baseAddress) }
    }

    /// `count` nil: a scalar.
    private func attribute(
        _ object: hid_t, _ name: String, _ type: hid_t, count: Int?, _ bytes: UnsafeRawPointer?
    ) throws {
        var length = hsize_t(count ?? 1)
        let space = try check(count == nil ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &length, nil), name)
        defer { H5Sclose(space) }
        let attribute = try check(H5Acreate2(object, name, type, space, Self.defaults, Self.defaults), name)
        defer { H5Aclose(attribute) }
        try check(H5Awrite(attribute, type, bytes), name)
    }

    /// Lends `texts` as HDF5 takes them: pointers to zero-terminated UTF-8, and the type that says so.
    private func withTexts(
        _ texts: [String], _ body: (hid_t, UnsafeBufferPointer<UnsafePointer<CChar>?>) throws -> Void
    ) throws {
        let type = try check(H5Tcreate(H5T_STRING, Self.variableLength), "a string type")
        defer { H5Tclose(type) }
        try check(H5Tset_cset(type, H5T_CSET_UTF8), "a string type")
        var bytes: [CChar] = []
        var offsets: [Int] = []
        for text in texts {
            offsets.append(bytes.count)
            bytes += text.utf8CString
        }
        try bytes.withUnsafeBufferPointer { bytes in
            try offsets.map { offset in bytes.baseAddress.map { $0 + offset } }.withUnsafeBufferPointer {
                try body(type, $0)
            }
        }
    }

    /// What HDF5 returned, unless it is negative: a failure.
    @discardableResult
    private func check<Status: SignedInteger>(_ status: Status, _ what: String) throws -> Status {
        try Self.check(status, "\(path), \(what)")
    }

    @discardableResult
    private static func check<Status: SignedInteger>(_ status: Status, _ what: String) throws -> Status {
        if status < 0 { throw SimulationError("\(what): HDF5 cannot write it") }
        return status
    }
}

/// A number that HDF5 stores as it is.
private protocol HDF5Number: BitwiseCopyable { static var hdf5Type: chdf5_native_type { get } }
extension Int8: HDF5Number { fileprivate static var hdf5Type: chdf5_native_type { chdf5_int8 } }
extension Int32: HDF5Number { fileprivate static var hdf5Type: chdf5_native_type { chdf5_int32 } }
extension Int64: HDF5Number { fileprivate static var hdf5Type: chdf5_native_type { chdf5_int64 } }
