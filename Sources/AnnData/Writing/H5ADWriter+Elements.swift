/// The encodings of elements that are written.
extension H5ADWriter {
    func makeGroup(_ path: String, _ type: String, _ version: String) throws(AnnDataError) {
        try output.makeGroup(path)
        try label(path, type, version)
    }

    func label(_ path: String, _ type: String, _ version: String) throws(AnnDataError) {
        try output.setAttribute("encoding-type", of: path, to: .strings([type]))
        try output.setAttribute("encoding-version", of: path, to: .strings([version]))
    }

    func write(_ values: ColumnValues, to path: String) throws(AnnDataError) {
        switch values {
        case .categories(let codes, let names, let isOrdered):
            try writeCategories(codes, names, isOrdered: isOrdered, to: path)
        case .strings(let texts):
            let present = texts.compactMap { $0 }
            if present.count == texts.count {
                try writeTexts(present, to: path)
            } else {
                // anndata has read nullable-string-array since 0.11 alone; any release reads categories.
                try write(.categories(of: texts), to: path)
            }
        case .numbers(let numbers): try writeArray(numbers, .float64, to: path)
        case .integers(let numbers):
            try writeNullable(numbers, "nullable-integer", to: path) { (path) throws(AnnDataError) in
                try writeArray(numbers.map { $0 ?? 0 }, .int64, to: path)
            }
        case .booleans(let flags):
            try writeNullable(flags, "nullable-boolean", to: path) { (path) throws(AnnDataError) in
                try writeArray(flags.map { $0 == true ? UInt8(1) : 0 }, .boolean, to: path)
            }
        }
    }

    /// Codes of the smallest type that pandas takes for so many names, and the names.
    private func writeCategories(
        _ codes: [Int32], _ names: [String], isOrdered: Bool, to path: String
    ) throws(AnnDataError) {
        if let row = codes.firstIndex(where: { $0 < -1 || Int($0) >= names.count }) {
            throw AnnDataError(
                .inconsistent, file: self.path, path: path, row: row, value: Double(codes[row]),
                "a code without a category: there are \(names.count)")
        }
        // By their bytes: Swift takes composed and decomposed characters for equal.
        var seen: Set<[UInt8]> = []
        if let name = names.first(where: { !seen.insert(Array($0.utf8)).inserted }) {
            throw AnnDataError(.inconsistent, file: self.path, path: path, "the category \(name) is there twice")
        }
        try makeGroup(path, "categorical", "0.2.0")
        try output.setAttribute("ordered", of: path, to: .booleans([isOrdered]))
        try writeTexts(names, to: path + "/categories")
        switch names.count {
        case ..<128: try writeArray(codes.map { Int8($0) }, .int8, to: path + "/codes")
        case ..<32768: try writeArray(codes.map { Int16($0) }, .int16, to: path + "/codes")
        default: try writeArray(codes, .int32, to: path + "/codes")
        }
    }

    /// A plain array if nothing is missing, else a group of values and a mask, true where a value is missing.
    private func writeNullable<T>(
        _ values: [T?], _ encoding: String, to path: String,
        _ writeValues: (String) throws(AnnDataError) -> Void
    ) throws(AnnDataError) {
        guard values.contains(where: { $0 == nil }) else { return try writeValues(path) }
        try makeGroup(path, encoding, "0.1.0")
        try writeValues(path + "/values")
        try writeArray(values.map { $0 == nil ? UInt8(1) : 0 }, .boolean, to: path + "/mask")
    }

    /// `values` are of the type that `type` says.
    private func writeArray<T: BitwiseCopyable>(
        _ values: [T], _ type: ElementType, to path: String
    ) throws(AnnDataError) {
        try output.makeDataset(path, type, shape: [values.count])
        let height = WriterLimits.slabBytes / MemoryLayout<T>.stride
        for start in stride(from: 0, to: values.count, by: height) {
            let part = Array(values[start..<min(values.count, start + height)])
            try write(part, to: path, start: [start], count: [part.count])
        }
        try label(path, "array", "0.2.0")
    }

    func writeTexts(_ texts: [String], to path: String) throws(AnnDataError) {
        try output.makeDataset(path, .string, shape: [texts.count])
        var (start, bytes) = (0, 0)
        for (row, text) in texts.enumerated() {
            guard text.utf8.count <= WriterLimits.textBytes else {
                throw AnnDataError(.tooLarge, file: self.path, path: path, row: row, "a text of more than 15 MiB")
            }
            guard !text.utf8.contains(0) else {
                throw AnnDataError(
                    .unsupportedEncoding, file: self.path, path: path, row: row,
                    "a text holds a NUL, which ends texts in HDF5", advice: "remove it")
            }
            if bytes + text.utf8.count > WriterLimits.slabBytes || row - start == 1 << 17 {
                if row > start { try output.write(texts[start..<row], to: path, start: [start]) }
                (start, bytes) = (row, 0)
            }
            bytes += text.utf8.count
        }
        if start < texts.count { try output.write(texts[start...], to: path, start: [start]) }
        try label(path, "string-array", "0.2.0")
    }

    /// Writes a matrix in pieces of whole rows; a very wide row in several.
    func write(_ matrix: NewMatrix, to path: String) throws {
        let width = matrix.dimension
        try output.makeDataset(path, .float32, shape: [cellCount, width])
        if width > 0 {
            let pieceWidth = min(width, WriterLimits.slabBytes / 4)
            // Whole chunks, so that each is compressed once.
            let chunkHeight = HDF5Output.chunk(of: [cellCount, width], elementBytes: 4).first ?? 1
            let height = max(1, WriterLimits.slabBytes / (4 * width) / chunkHeight) * chunkHeight
            for first in stride(from: 0, to: cellCount, by: height) {
                let rows = first..<min(cellCount, first + height)
                let values = try matrix.rows(rows)
                guard values.count == rows.count * width else {
                    throw AnnDataError(
                        .inconsistent, file: self.path, path: path, row: first,
                        "\(values.count) values came for \(rows.count) rows of \(width)")
                }
                if pieceWidth == width {
                    try write(values, to: path, start: [first, 0], count: [rows.count, width])
                    continue
                }
                for (offset, row) in rows.enumerated() {
                    for column in stride(from: 0, to: width, by: pieceWidth) {
                        let end = min(width, column + pieceWidth)
                        try write(
                            Array(values[offset * width + column..<offset * width + end]), to: path,
                            start: [row, column], count: [1, end - column])
                    }
                }
            }
        }
        try label(path, "array", "0.2.0")
    }

    private func write<T: BitwiseCopyable>(
        _ values: [T], to path: String, start: [Int], count: [Int]
    ) throws(AnnDataError) {
        var failure: AnnDataError?
        values.withUnsafeBytes { bytes in
            do throws(AnnDataError) {
                try output.write(bytes, to: path, start: start, count: count)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
