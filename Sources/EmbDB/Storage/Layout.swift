internal import HNSW
internal import LMDBStore

/// The tables of the file. Docs and later versions build on these names: they are part of the format.
enum Layout {
    /// The version of the format that this program writes. Newer files are refused.
    static let formatVersion: UInt32 = 1
    static let magic = Array("embdb".utf8)

    /// Small records by name; see ``MetaRecords``.
    static let meta = Table<String, [UInt8]>("meta")
    /// Cell id → row. Rows of an unfinished ingest are in it too; a reader passes over rows it does not see.
    static let rowOfCell = Table<String, UInt64>("cells.row")
    /// Row → cell id.
    static let cellOfRow = Table<UInt64, String>("cells.id")
    /// Cell id → new row, for cells of an unfinished ingest that replace visible ones.
    static let replacement = Table<String, UInt64>("cells.replacement")
    /// Row → ranked tokens and counts of the cell, as `StoredCell` writes them, ``Checksummed``.
    static let tokens = Table<UInt64, [UInt8]>("tokens")
    /// `<sha256>/record`, `<sha256>/vocabulary.tsv`, `<sha256>/mapping.tsv`, `<sha256>/tensor/<name>`.
    static let model = Table<String, [UInt8]>("model")

    /// The longest cell id: an id is a key.
    static let longestCellID = 500

    /// Code → name of a category column, ``Checksummed`` UTF-8.
    static func names(ofColumn number: Int) -> Table<UInt32, [UInt8]> { Table("obs.\(number).names") }

    /// The values of obs column `number`.
    static func obs(_ number: Int, _ kind: ObsColumnDescription.Kind) -> BlockColumn {
        switch kind {
        case .number: BlockColumn(name: "obs.\(number)", rowsPerBlock: 8192, stride: 8, kind: 0x6F62_6664)
        case .integer: BlockColumn(name: "obs.\(number)", rowsPerBlock: 8192, stride: 8, kind: 0x6F62_6964)
        case .category, .boolean: BlockColumn(name: "obs.\(number)", rowsPerBlock: 16384, stride: 4, kind: 0x6F62_6364)
        }
    }

    /// f32 embeddings as computed, each padded to whole cache lines.
    static func vectors(
        dimension: Int, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> BlockColumn {
        let stride = (dimension * 4 + 63) / 64 * 64
        return try BlockColumn(
            name: "embedding.f32", rowsPerBlock: rows(of: stride, inBytes: 1 << 20), stride: stride, kind: 0x656D_6633
        ).asStored(in: transaction)
    }

    /// int8 codes of the embeddings.
    static func codes(dimension: Int, in transaction: borrowing some Transaction & ~Copyable) throws -> BlockColumn {
        let stride = CodeQuantizer.codeStride(dimension: dimension)
        return try BlockColumn(
            name: "embedding.code", rowsPerBlock: rows(of: stride, inBytes: 1 << 20), stride: stride, kind: 0x656D_6938
        ).asStored(in: transaction)
    }

    /// Two floats beside each code.
    static let codeScales = BlockColumn(
        name: "embedding.scale", rowsPerBlock: 8192, stride: CodeQuantizer.scaleStride, kind: 0x656D_7363)

    /// Fixed-point sums of genes' hidden states (i64, `GeneSums`), a row a gene that is seen, by token, the groups of
    /// ``GeneRecord`` one after another; those of an unfinished ingest apart.
    static func geneSums(dimension: Int, _ place: GenePlace) -> BlockColumn {
        BlockColumn(
            name: place == .visible ? "genes.sums" : "genes.pending.sums",
            rowsPerBlock: rows(of: dimension * 8, inBytes: 1 << 20), stride: dimension * 8, kind: 0x6765_7375)
    }

    /// Token (u32) and number of cells (u32) of each row of ``geneSums(dimension:_:)``.
    static func geneCells(_ place: GenePlace) -> BlockColumn {
        BlockColumn(
            name: place == .visible ? "genes.cells" : "genes.pending.cells", rowsPerBlock: 8192, stride: 8,
            kind: 0x6765_6365)
    }

    /// Neighbors of the graph's nodes.
    static let graph = BlockColumn(
        name: "graph.level0", rowsPerBlock: 8192, stride: GraphLayout.stride, kind: 0x6772_6C30)

    /// Rows of the graph's nodes, and nodes of the rows.
    static let graphNumbers = BlockColumn(
        name: "graph.number", rowsPerBlock: 1 << 17, stride: NodeNumbers.stride, kind: 0x6772_6E75)

    /// Sketches of the graph's nodes, in one block: a walk finds a row by one multiplication. Graphs of more nodes have
    /// none.
    static let sketches = BlockColumn(
        name: "graph.sketch", rowsPerBlock: 1 << 24, stride: SketchBasis.stride, kind: 0x6772_736B)

    /// The largest power of two of rows that fit; at least 1.
    private static func rows(of stride: Int, inBytes bytes: Int) -> Int {
        var rows = 1
        while rows * 2 * stride <= bytes { rows *= 2 }
        return rows
    }
}
