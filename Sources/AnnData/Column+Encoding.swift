/// The element encodings of anndata's on-disk format, by `encoding-type`
/// (https://anndata.readthedocs.io/en/stable/fileformat-prose.html); columns of older files carry none.
extension Column {
    /// Describes the column at `path`. Unknown encodings give a column of the kind `unsupported`.
    ///
    /// - Parameter legacyCategories: where files before 0.8 keep the categories of a column of codes, if it is there.
    init(
        _ file: HDF5File, name: String, path: String, kind elementKind: ElementKind, legacyCategories: String? = nil
    ) throws(AnnDataError) {
        let attributes = try file.attributes(path)
        let encoding = attributes["encoding-type"]?.string ?? (elementKind == .group ? "group" : "array")
        var values: DatasetInfo?
        var mask: DatasetInfo?
        var categories: [String] = []
        var isOrdered = attributes["ordered"]?.boolean ?? false
        var kind = Kind.unsupported
        if let legacyCategories {
            values = try file.describe(path)
            categories = try Self.readCategories(file, legacyCategories, .dataset)
            isOrdered = try file.attributes(legacyCategories)["ordered"]?.boolean ?? false
            kind = .categories
        } else if elementKind == .dataset {
            let dataset = try file.describe(path)
            kind = Self.kind(of: dataset.type)
            if kind != .unsupported { values = dataset }
        } else {
            switch encoding {
            case "categorical":
                values = try file.describe(path + "/codes")
                let links = try file.list(path)
                let link = links.first { $0.name == "categories" }
                categories = try Self.readCategories(file, path + "/categories", link?.kind ?? .dataset)
                kind = .categories
            case "nullable-integer", "nullable-boolean", "nullable-string-array", "nullable-float":
                let dataset = try file.describe(path + "/values")
                mask = try file.describe(path + "/mask")
                kind = Self.kind(of: dataset.type)
                if kind != .unsupported { values = dataset }
            default: break
            }
        }
        self.init(
            name: name, path: path, kind: kind, encoding: encoding, categories: categories, isOrdered: isOrdered,
            elements: file, values: values, mask: mask)
        guard let values else { return }
        guard values.shape.count == 1 else {
            throw AnnDataError(
                .inconsistent, file: file.path, path: values.path,
                "\(values.path) has \(values.shape.count) dimensions, not 1")
        }
        if kind == .categories, !values.type.isInteger {
            throw AnnDataError(.inconsistent, file: file.path, path: values.path, "the codes are no integers")
        }
        if let mask, mask.shape != values.shape {
            throw AnnDataError(
                .inconsistent, file: file.path, path: mask.path,
                "the mask has \(mask.count) entries, the values \(count)")
        }
    }

    /// The column of the elements of a dataset of one dimension: an attribute of a loom file, a feature column of 10x
    /// Genomics, a member of an old table.
    init(_ elements: any ElementSource, name: String, _ values: DatasetInfo) {
        let kind = Self.kind(of: values.type)
        self.init(
            name: name, path: values.member.map { "\(values.path)/\($0)" } ?? values.path, kind: kind,
            elements: elements, values: kind == .unsupported ? nil : values)
    }

    private static func kind(of type: ElementType) -> Kind {
        switch type {
        case .string: .strings
        case .boolean: .booleans
        case .float32, .float64: .numbers
        case .other: .unsupported
        default: .integers
        }
    }

    static func readCategories(
        _ file: HDF5File, _ path: String, _ kind: ElementKind
    ) throws(AnnDataError) -> [String] {
        let column = try Column(file, name: "categories", path: path, kind: kind)
        guard column.count <= Int(Int32.max) else {
            throw AnnDataError(.tooLarge, file: file.path, path: path, "more than 2^31 categories")
        }
        return try column.readTexts(rows: 0..<column.count).map { $0 ?? "" }
    }
}
