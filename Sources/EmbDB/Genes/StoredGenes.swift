internal import CellTransformer
internal import LMDBStore
internal import Numerics

/// Which sums: those that answers are made from, or those of an unfinished ingest.
enum GenePlace {
    case visible, pending

    /// The name of the record of the table `meta`; that of the counted rows has `.counted` behind it.
    var name: String { self == .visible ? "genes" : "genes.pending" }
}

/// What the stored sums of genes' hidden states are: a record of the table `meta`. They follow from the tokens and the
/// model: where they are missing, damaged, or not of all cells, they are computed.
struct GeneRecord: Codable, Equatable {
    struct Group: Codable, Equatable {
        /// The value of ``GeneRecord/column``; nil for all cells.
        var value: String?
        var cells: Int
        /// Rows of ``Layout/geneSums(dimension:_:)``.
        var genes: Int
    }

    /// The obs column whose values are groups; nil for none.
    var column: String?
    /// All cells first.
    var groups: [Group]
    /// Rows at or past it are not counted; those before it, as `genes.counted` says (64 a u64, a bit each).
    var rows: Int

    /// As ``DatabaseState/isPossible``.
    var isPossible: Bool {
        (0...Int(Int32.max)).contains(rows) && groups.first.map { $0.value == nil } ?? false
            && groups.count <= 1 << 12 && groups.dropFirst().allSatisfy { $0.value != nil }
            && groups.allSatisfy { (0...1 << 24).contains($0.genes) && (0...rows).contains($0.cells) }
    }

    /// Rows of the sums where a group's genes are.
    func range(of group: Int) -> Range<Int> {
        let first = groups[..<group].reduce(0) { $0 + $1.genes }
        return first..<first + groups[group].genes
    }
}

/// The mean hidden states of the genes that some cells have.
struct GeneMeans {
    /// Ascending.
    var tokens: [UInt32]
    /// Cells that have each of them among what the model reads.
    var cells: [Int]
    /// [genes, dimension]
    var vectors: Matrix
}

/// The genes' sums in the file.
enum StoredGenes {
    static func record(
        _ place: GenePlace, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> GeneRecord? {
        let record: GeneRecord? = try MetaRecords.get(place.name, in: transaction)
        guard record?.isPossible ?? true else { throw MetaRecords.damaged(place.name) }
        return record
    }

    static func counted(
        _ record: GeneRecord, _ place: GenePlace, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Bitmap {
        guard let bytes = try MetaRecords.checked(place.name + ".counted", in: transaction),
            bytes.count == (record.rows + 63) / 64 * 8
        else { throw MetaRecords.damaged(place.name + ".counted") }
        var counted = Bitmap(count: record.rows)
        for row in 0..<record.rows where bytes[row / 8] >> UInt8(row % 8) & 1 == 1 { counted[row] = true }
        return counted
    }

    static func put(_ tally: GeneTally, _ place: GenePlace, in transaction: inout WriteTransaction) throws {
        let dimension = tally.sums.dimension
        let sums = Layout.geneSums(dimension: dimension, place)
        var record = GeneRecord(column: tally.column, groups: [], rows: tally.counted.count)
        var waiting: [Int64] = []
        waiting.reserveCapacity(sums.rowsPerBlock * dimension)
        var written = 0
        var cells: [UInt32] = []
        // Also drops what was there.
        try sums.append(UnsafeRawBufferPointer(start: nil, count: 0), at: 0, in: &transaction)
        // Sorted, so that the bytes do not depend on the order of the cells.
        let values = tally.groups.indices.dropFirst().sorted {
            (tally.groups[$0].value ?? "") < (tally.groups[$1].value ?? "")
        }
        for group in [0] + values where group == 0 || tally.groups[group].cells > 0 {
            let genes = tally.sums.genes(of: group)
            record.groups.append(
                .init(value: tally.groups[group].value, cells: tally.groups[group].cells, genes: genes.count))
            for (token, count) in genes {
                cells += [token, UInt32(clamping: count)]
                tally.sums.withSums(of: token, group: group) { waiting.append(contentsOf: $0) }
                if waiting.count == sums.rowsPerBlock * dimension {
                    try waiting.withUnsafeBytes { try sums.append($0, at: written, in: &transaction) }
                    written += sums.rowsPerBlock
                    waiting.removeAll(keepingCapacity: true)
                }
            }
        }
        if !waiting.isEmpty {
            try waiting.withUnsafeBytes { try sums.append($0, at: written, in: &transaction) }
        }
        try cells.withUnsafeBytes { try Layout.geneCells(place).append($0, at: 0, in: &transaction) }
        try MetaRecords.put(record, as: place.name, in: &transaction)
        let words = tally.counted.words.map(\.littleEndian)
        try MetaRecords.putChecked(
            words.withUnsafeBytes { Array($0) }, as: place.name + ".counted", in: &transaction)
    }

    /// Drops the sums of an unfinished ingest.
    static func dropPending(dimension: Int, in transaction: inout WriteTransaction) throws {
        for column in [Layout.geneSums(dimension: dimension, .pending), Layout.geneCells(.pending)] {
            try column.append(UnsafeRawBufferPointer(start: nil, count: 0), at: 0, in: &transaction)
        }
        for name in [GenePlace.pending.name, GenePlace.pending.name + ".counted"] {
            try Layout.meta.remove(name, in: &transaction)
        }
    }

    /// All sums, to go on adding.
    static func tally(
        _ record: GeneRecord, _ place: GenePlace, tokenCount: Int, dimension: Int,
        in transaction: borrowing ReadTransaction
    ) throws -> GeneTally {
        var tally = try GeneTally(
            column: record.column, counted: try counted(record, place, in: transaction), cells: record.groups[0].cells,
            tokenCount: tokenCount, dimension: dimension)
        for group in record.groups.dropFirst() { try tally.addGroup(group.value, cells: group.cells) }
        for group in record.groups.indices {
            try forEach(group, record, place, tokenCount: tokenCount, dimension: dimension, in: transaction) {
                tally.set($0, group: group, cells: $1, sums: $2)
            }
        }
        return tally
    }

    /// The means of one group.
    static func means(
        _ group: Int, _ record: GeneRecord, tokenCount: Int, dimension: Int, in transaction: borrowing ReadTransaction
    ) throws -> GeneMeans {
        var means = GeneMeans(
            tokens: [], cells: [], vectors: Matrix(rows: record.groups[group].genes, columns: dimension))
        var next = 0
        try forEach(group, record, .visible, tokenCount: tokenCount, dimension: dimension, in: transaction) {
            token, cells, sums in
            means.tokens.append(token)
            means.cells.append(cells)
            for sum in sums {
                means.vectors.values[next] = GeneSums.mean(sum, cells: cells)
                next += 1
            }
        }
        return means
    }

    /// Lends the genes of a group with their number of cells and sums.
    ///
    /// - Throws: ``EmbDBError/Code/corrupted``.
    static func forEach(
        _ group: Int, _ record: GeneRecord, _ place: GenePlace, tokenCount: Int, dimension: Int,
        in transaction: borrowing ReadTransaction, _ body: (UInt32, Int, UnsafeBufferPointer<Int64>) throws -> Void
    ) throws {
        let range = record.range(of: group)
        let sums = try Layout.geneSums(dimension: dimension, place).blockRows(count: range.upperBound, in: transaction)
        let cells = try Layout.geneCells(place).blockRows(count: range.upperBound, in: transaction)
        var last = -1
        for row in range {
            let entry = cells.row(row, as: UInt32.self)
            let (token, count) = (Int(entry[0]), Int(entry[1]))
            guard token > last, token < tokenCount, count > 0 else {
                throw EmbDBError(
                    .corrupted,
                    "the gene embeddings are damaged (row \(row)): restore a backup, or ingest again into a new file")
            }
            last = token
            try body(
                UInt32(token), count, UnsafeBufferPointer(start: sums.row(row, as: Int64.self), count: dimension))
        }
    }
}
