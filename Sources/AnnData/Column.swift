/// The values of a part of an obs or var column.
package enum ColumnValues: Sendable, Equatable {
    /// `codes` index `names`; −1 is missing. `ordered`: the names are in an order that means something.
    case categories(codes: [Int32], names: [String], ordered: Bool)
    case strings([String?])
    case integers([Int64?])
    /// NaN is missing.
    case numbers([Double])
    case booleans([Bool?])
}

extension ColumnValues {
    /// The values at `rows`.
    fileprivate func picking(_ rows: [Int]) -> ColumnValues {
        switch self {
        case .categories(let codes, let names, let isOrdered):
            .categories(codes: rows.map { codes[$0] }, names: names, ordered: isOrdered)
        case .strings(let values): .strings(rows.map { values[$0] })
        case .integers(let values): .integers(rows.map { values[$0] })
        case .numbers(let values): .numbers(rows.map { values[$0] })
        case .booleans(let values): .booleans(rows.map { values[$0] })
        }
    }
}

/// One column of obs or var (or its index), described; its values are read on demand.
package struct Column: Sendable {
    package enum Kind: Sendable, Equatable {
        case categories, strings, integers, numbers, booleans
        /// An encoding that is not read.
        case unsupported
    }

    package let name: String
    /// Where it lies in the file.
    package let path: String
    package let kind: Kind
    /// `encoding-type`, as in the file.
    package let encoding: String
    /// Rows.
    package var count: Int { selection?.count ?? values?.shape.first ?? 0 }
    /// The names of a categorical column's codes; others have none.
    package let categories: [String]
    package let isOrdered: Bool

    let elements: any ElementSource
    /// Values, or codes; nil if unsupported.
    let values: DatasetInfo?
    /// One per value, true where it is missing.
    let mask: DatasetInfo?
    /// The rows of the file that are the column's rows, ascending; nil: all.
    private(set) var selection: [Int]?
    /// Why an unsupported column cannot be read, if there is more to say than its encoding.
    var problem: AnnDataError?

    init(
        name: String, path: String, kind: Kind, encoding: String = "array", categories: [String] = [],
        isOrdered: Bool = false, elements: any ElementSource, values: DatasetInfo?, mask: DatasetInfo? = nil
    ) {
        self.name = name
        self.path = path
        self.kind = kind
        self.encoding = encoding
        self.categories = categories
        self.isOrdered = isOrdered
        self.elements = elements
        self.values = values
        self.mask = mask
    }

    /// The rows `rows` of this column, which has all the file's rows.
    func selecting(_ rows: [Int]) -> Column {
        var result = self
        result.selection = rows
        return result
    }
}

extension Column {
    /// Values of the rows `rows`, a range of 0..<count.
    package func read(rows: Range<Int>) throws(AnnDataError) -> ColumnValues {
        guard let values else {
            throw problem
                ?? AnnDataError(
                    .unsupportedEncoding, file: elements.path, path: path,
                    "the column \(name) has the encoding \(encoding), which is not read")
        }
        precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows outside of the column")
        guard let selection else { return try read(values, rows) }
        guard let first = rows.first.map({ selection[$0] }), let last = rows.last.map({ selection[$0] }) else {
            return try read(values, 0..<0)
        }
        return try read(values, first..<last + 1).picking(rows.map { selection[$0] - first })
    }

    /// Values of the file's rows `rows`.
    private func read(_ values: DatasetInfo, _ rows: Range<Int>) throws(AnnDataError) -> ColumnValues {
        let isMissing = try readMask(rows)
        switch kind {
        case .strings:
            let texts = try elements.readStrings(values, rows)
            return .strings(texts.enumerated().map { isMissing?[$0.offset] == true ? nil : $0.element })
        case .integers:
            var numbers: [Int] = []
            try read(values, rows, &numbers)
            if values.type == .uint64, let row = numbers.firstIndex(of: Int.max) {
                throw AnnDataError(
                    .tooLarge, file: elements.path, path: path, row: rows.lowerBound + row, "an integer is 2^63 or more"
                )
            }
            return .integers(numbers.enumerated().map { isMissing?[$0.offset] == true ? nil : Int64($0.element) })
        case .booleans:
            var numbers: [Int] = []
            try read(values, rows, &numbers)
            return .booleans(numbers.enumerated().map { isMissing?[$0.offset] == true ? nil : $0.element != 0 })
        case .numbers:
            var numbers: [Double] = []
            try read(values, rows, &numbers)
            if let isMissing {
                for index in numbers.indices where isMissing[index] { numbers[index] = .nan }
            }
            return .numbers(numbers)
        case .categories:
            var codes: [Int] = []
            try read(values, rows, &codes)
            for (row, code) in codes.enumerated() where code < -1 || code >= categories.count {
                throw AnnDataError(
                    .inconsistent, file: elements.path, path: values.path, row: rows.lowerBound + row,
                    value: Double(code), "a code without a category: there are \(categories.count)")
            }
            return .categories(codes: codes.map { Int32($0) }, names: categories, ordered: isOrdered)
        case .unsupported: preconditionFailure("an unsupported column has no values")
        }
    }

    /// All values as texts; nil where missing. Numbers as Swift prints them, booleans as True and False.
    package func readTexts(rows: Range<Int>) throws(AnnDataError) -> [String?] {
        switch try read(rows: rows) {
        case .categories(let codes, let names, _): codes.map { $0 < 0 ? nil : names[Int($0)] }
        case .strings(let texts): texts
        case .integers(let numbers): numbers.map { $0.map { "\($0)" } }
        case .numbers(let numbers): numbers.map { $0.isNaN ? nil : "\($0)" }
        case .booleans(let values): values.map { $0.map { $0 ? "True" : "False" } }
        }
    }

    /// Looks through the values for those that cannot be read: integers of 2^63 and more, codes without a category.
    ///
    /// - Throws: what `read(rows:)` would throw of the first of them.
    package func check() throws(AnnDataError) {
        guard let values, values.type == .uint64 || kind == .categories else { return }
        for start in stride(from: 0, to: count, by: CountReader.defaultSlice) {
            _ = try read(rows: start..<min(count, start + CountReader.defaultSlice))
        }
    }

    private func readMask(_ rows: Range<Int>) throws(AnnDataError) -> [Bool]? {
        guard let mask else { return nil }
        var flags: [Int] = []
        try read(mask, rows, &flags)
        return flags.map { $0 != 0 }
    }

    /// In slices; `result` holds all rows afterwards.
    private func read(_ dataset: DatasetInfo, _ rows: Range<Int>, _ result: inout [Int]) throws(AnnDataError) {
        var slice: [Int] = []
        // A damaged file may claim any number of rows.
        result.reserveCapacity(min(rows.count, CountReader.defaultSlice))
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: CountReader.defaultSlice) {
            try elements.read(
                dataset, start: [start], count: [min(CountReader.defaultSlice, rows.upperBound - start)], into: &slice)
            result += slice
        }
    }

    private func read(_ dataset: DatasetInfo, _ rows: Range<Int>, _ result: inout [Double]) throws(AnnDataError) {
        var slice: [Double] = []
        // A damaged file may claim any number of rows.
        result.reserveCapacity(min(rows.count, CountReader.defaultSlice))
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: CountReader.defaultSlice) {
            try elements.read(
                dataset, start: [start], count: [min(CountReader.defaultSlice, rows.upperBound - start)], into: &slice)
            result += slice
        }
    }
}
