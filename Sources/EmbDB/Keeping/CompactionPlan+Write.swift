internal import HNSW
internal import LMDBStore
internal import Numerics

extension CompactionPlan {
    /// Writes the new database at `newPath`, and closes it.
    ///
    /// - Throws: ``EmbDBError/Code/corrupted`` for whatever does not match its checksum: damage gets no new one.
    func write(
        to newPath: String, threads: Int, control: Control, in transaction: borrowing ReadTransaction
    ) throws {
        let target = try Environment.open(newPath, mode: .create)
        let copy = TableCopy(target: target, control: control, totalBytes: try estimatedBytes(in: transaction))
        try writeRecords(to: target, in: transaction)
        var done: Set = [Layout.meta.name, Layout.replacement.name]
        done.formUnion(try writeCells(copy, in: transaction))
        done.formUnion(try writeObs(copy, in: transaction))
        done.formUnion(try writeEmbeddings(copy, in: transaction))
        done.formUnion(try writeGenes(copy, in: transaction))
        // The model, and whatever else does not go by rows.
        for name in transaction.tableNames where !done.contains(name) {
            try copy.entries(of: Table<[UInt8], [UInt8]>(name), in: transaction) { $0 }
        }
        if dropsRows {
            do {
                try Database(path: newPath, environment: target).updateIndex(threads: threads, control: control)
            } catch {
                try control.checkCancelled(TableCopy.stopped)
                throw error
            }
        }
        try Environment.checkPages(ofFile: newPath)
    }

    /// All records but those that this makes anew or leaves out.
    private func writeRecords(to target: Environment, in transaction: borrowing ReadTransaction) throws {
        var records: [(String, [UInt8])] = []
        var remade: Set = ["state", "deleted", GenePlace.visible.name, GenePlace.visible.name + ".counted"]
        // The new graph has its own.
        if dropsRows { remade.insert("index") }
        try Layout.meta.forEach(in: transaction) { if !remade.contains($0) { records.append(($0, $1)) } }
        try target.write { transaction in
            for (name, value) in records { try Layout.meta.put(value, for: name, in: &transaction) }
            try MetaRecords.put(state, in: &transaction)
        }
    }

    private func writeCells(_ copy: TableCopy, in transaction: borrowing ReadTransaction) throws -> [String] {
        var counts = (ids: 0, rows: 0, tokens: 0)
        try copy.entries(of: Layout.cellOfRow, in: transaction) { row, id in
            guard row < UInt64(old.rows), live[Int(row)] else { return nil }
            guard newRow[Int(row)] == counts.ids else { throw Self.damaged("row \(row) comes without the one before") }
            counts.ids += 1
            return (UInt64(newRow[Int(row)]), id)
        }
        try copy.entries(of: Layout.rowOfCell, in: transaction) { id, row in
            guard row < UInt64(old.rows), live[Int(row)] else { return nil }
            counts.rows += 1
            return (id, UInt64(newRow[Int(row)]))
        }
        try copy.entries(of: Layout.tokens, in: transaction) { row, bytes in
            guard row < UInt64(old.rows), live[Int(row)] else { return nil }
            guard Checksummed.open(bytes) != nil else { throw Self.damaged("the tokens of row \(row) are damaged") }
            counts.tokens += 1
            return (UInt64(newRow[Int(row)]), bytes)
        }
        guard counts.ids == state.rows, counts.rows == state.rows,
            counts.tokens == (state.model == nil ? 0 : state.rows)
        else { throw Self.damaged("of \(state.rows) cells some have no id or no tokens") }
        return [Layout.cellOfRow.name, Layout.rowOfCell.name, Layout.tokens.name]
    }

    private func writeObs(_ copy: TableCopy, in transaction: borrowing ReadTransaction) throws -> [String] {
        var written: [String] = []
        for (number, column) in old.columns.enumerated() {
            let values = Layout.obs(number, column.kind)
            let table = Layout.names(ofColumn: number)
            written += [values.name, table.name]
            let map = newCodes[number]
            try copy.rows(of: values, count: old.rows, keeping: live, in: transaction) { row in
                guard let map else { return }
                let code = row.loadUnaligned(as: Int32.self)
                if code >= 0 { row.storeBytes(of: map[Int(code)], as: Int32.self) }
            }
            let names = names[number]
            try copy.target.write { transaction in
                for (code, name) in names.enumerated() {
                    try table.append(Checksummed.seal(Array(name.utf8)), for: UInt32(code), in: &transaction)
                }
            }
        }
        return written
    }

    private func writeEmbeddings(_ copy: TableCopy, in transaction: borrowing ReadTransaction) throws -> [String] {
        guard let dimension = old.embedding?.dimension else { return [] }
        let columns = [
            try Layout.vectors(dimension: dimension, in: transaction),
            try Layout.codes(dimension: dimension, in: transaction), Layout.codeScales,
        ]
        for column in columns { try copy.rows(of: column, count: old.rows, keeping: live, in: transaction) { _ in } }
        // A graph goes by old numbers; without dropped rows these stay, and it is copied with the rest.
        return columns.map(\.name) + (dropsRows ? transaction.tableNames.filter { $0.hasPrefix("graph.") } : [])
    }

    /// The sums stay if they hold no cell that is dropped; else only by which column they were grouped: they are computed
    /// when they are asked for.
    private func writeGenes(_ copy: TableCopy, in transaction: borrowing ReadTransaction) throws -> [String] {
        let place = GenePlace.visible
        guard let dimension = old.embedding?.dimension,
            var record = try? StoredGenes.record(place, in: transaction), record.rows <= old.rows
        else { return geneTables(transaction) }
        var counted = Bitmap(count: newRow[record.rows])
        var isWhole = false
        if let before = try? StoredGenes.counted(record, place, in: transaction) {
            isWhole = before.rows.allSatisfy { live[$0] }
            for row in before.rows where live[row] { counted[newRow[row]] = true }
        }
        if isWhole {
            let genes = record.groups.reduce(0) { $0 + $1.genes }
            for column in [Layout.geneSums(dimension: dimension, place), Layout.geneCells(place)] {
                let all = Bitmap(count: genes, filled: true)
                try copy.rows(of: column, count: genes, keeping: all, in: transaction) { _ in }
            }
        } else {
            counted = Bitmap(count: 0)
            record.groups = [.init(value: nil, cells: 0, genes: 0)]
        }
        record.rows = counted.count
        let words = counted.words.map(\.littleEndian).withUnsafeBytes { Array($0) }
        let new = record
        try copy.target.write { transaction in
            try MetaRecords.put(new, as: place.name, in: &transaction)
            try MetaRecords.putChecked(words, as: place.name + ".counted", in: &transaction)
        }
        return geneTables(transaction)
    }

    private func geneTables(_ transaction: borrowing ReadTransaction) -> [String] {
        transaction.tableNames.filter { $0.hasPrefix("genes.") }
    }

    private static func damaged(_ what: String) -> EmbDBError {
        EmbDBError(.corrupted, "\(what): restore a backup, or ingest again into a new file")
    }
}
