/// Decodes rows of a sparse matrix straight from the file's bytes, for the types that such matrices have as a rule.
struct EntryDecoder: Sendable {
    private let values: ElementType
    private let hasWideIndices: Bool
    private let rule: CountRule
    /// Columns in the file.
    private let limit: Int
    /// −1 for a column that is no gene; nil if all are.
    private let geneOfColumn: [Int32]?

    /// nil for other types.
    init?(_ layer: CountLayer, _ parts: CountLayer.SparseParts, _ rule: CountRule) {
        guard [.float32, .float64, .int32, .int64, .uint16].contains(parts.data.type),
            [.int32, .int64].contains(parts.indices.type)
        else { return nil }
        values = parts.data.type
        hasWideIndices = parts.indices.type == .int64
        self.rule = rule
        limit = layer.storedColumnCount
        geneOfColumn = layer.geneOfColumn
    }

    /// Decodes the entries `range` of one row: genes ascending, counts above zero. Returns how many there are, or nil
    /// where a column is outside of the matrix or occurs twice, or the rule forbids a value.
    ///
    /// - Parameter columns: room for as many as are in the range; so is `counts`.
    func decode(
        _ indices: UnsafeRawBufferPointer, _ values: UnsafeRawBufferPointer, _ range: Range<Int>,
        _ columns: UnsafeMutableBufferPointer<Int32>, _ counts: UnsafeMutableBufferPointer<Double>
    ) -> Int? {
        func decode<Index: FixedWidthInteger, Value>(
            _: Index.Type, _: Value.Type, _ number: (Value) -> Double
        ) -> Int? {
            let entries = Entries(
                indices: UnsafeBufferPointer(rebasing: indices.bindMemory(to: Index.self)[range]),
                values: UnsafeBufferPointer(rebasing: values.bindMemory(to: Value.self)[range]))
            return entries.decode(rule, limit: limit, geneOfColumn, columns, counts, number)
        }
        func decode<Index: FixedWidthInteger>(_ index: Index.Type) -> Int? {
            switch self.values {
            case .float32: decode(index, Float.self) { Double($0) }
            case .float64: decode(index, Double.self) { $0 }
            case .int32: decode(index, Int32.self) { Double($0) }
            case .int64: decode(index, Int64.self) { Double($0) }
            case .uint16: decode(index, UInt16.self) { Double($0) }
            default: nil
            }
        }
        return hasWideIndices ? decode(Int64.self) : decode(Int32.self)
    }
}

/// The entries of one row as they are in the file.
private struct Entries<Index: FixedWidthInteger, Value> {
    let indices: UnsafeBufferPointer<Index>
    let values: UnsafeBufferPointer<Value>

    @inline(__always)
    func decode(
        _ rule: CountRule, limit: Int, _ geneOfColumn: [Int32]?, _ columns: UnsafeMutableBufferPointer<Int32>,
        _ counts: UnsafeMutableBufferPointer<Double>, _ number: (Value) -> Double
    ) -> Int? {
        // Loops over everything, without branches: they run on vectors.
        var isAscending: UInt8 = 1
        for entry in stride(from: 1, to: indices.count, by: 1) {
            isAscending &= indices[entry - 1] < indices[entry] ? 1 : 0
        }
        for entry in 0..<indices.count { columns[entry] = Int32(truncatingIfNeeded: indices[entry]) }
        // Where they ascend, the first and the last are the least and the largest.
        let isInside: (Index) -> Bool = { $0 >= 0 && $0 < limit }
        guard
            isAscending == 1
                ? (indices.first.map(isInside) ?? true) && (indices.last.map(isInside) ?? true)
                : indices.allSatisfy(isInside)
        else { return nil }
        // Top bits of `outside`: a value that is not above zero, or not below 2^51; `fractions`: one that is not whole.
        var (outside, fractions): (UInt64, UInt64) = (0, 0)
        for entry in 0..<indices.count {
            let value = number(values[entry])
            counts[entry] = value
            outside |= (value.bitPattern &- 1) | (0x1p51.bitPattern &- 1 &- value.bitPattern)
            // Adding 2^52 rounds to a whole number.
            fractions |= ((value + 0x1p52) - 0x1p52).bitPattern ^ value.bitPattern
        }
        // Before columns are left out: one that is no gene may not be there twice either.
        if isAscending == 0 { guard Self.ascend(columns, counts, indices.count) else { return nil } }
        var kept = indices.count
        if outside >> 63 != 0 || fractions != 0 || geneOfColumn != nil {
            kept = 0
            for entry in 0..<indices.count {
                let (column, value) = (columns[entry], counts[entry])
                let gene = geneOfColumn.map { $0[Int(column)] } ?? column
                guard gene >= 0 else { continue }
                guard rule.allows(value) else { return nil }
                guard value != 0 else { continue }
                columns[kept] = gene
                counts[kept] = value
                kept += 1
            }
        }
        return kept
    }

    /// Sorts the first `count` entries by column; false if one is there twice.
    private static func ascend(
        _ columns: UnsafeMutableBufferPointer<Int32>, _ counts: UnsafeMutableBufferPointer<Double>, _ count: Int
    ) -> Bool {
        let sorted = (0..<count).map { (column: columns[$0], count: counts[$0]) }.sorted { $0.column < $1.column }
        for (entry, item) in sorted.enumerated() {
            if entry > 0, sorted[entry - 1].column == item.column { return false }
            columns[entry] = item.column
            counts[entry] = item.count
        }
        return true
    }
}
