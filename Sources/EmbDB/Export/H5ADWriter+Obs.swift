internal import AnnData
internal import LMDBStore

extension H5ADWriter {
    static let stopped = "stopped; nothing was written"

    /// All obs columns of some rows of a database.
    func addObs(
        of snapshot: Snapshot, _ rows: [Int], _ control: Control, in transaction: borrowing ReadTransaction
    ) throws {
        for (number, column) in snapshot.state.columns.enumerated() {
            try control.checkCancelled(Self.stopped)
            let values = try StoredObs.column(number, state: snapshot.state, in: transaction)
            try add(NewColumn(name: column.name, values: values.exported(rows, as: column.kind)))
        }
    }

    /// Says which columns could not keep their names.
    func warnOfNames(_ path: String, _ control: Control) {
        for change in renamed {
            control.warning("\"\(change.name)\" is called \"\(change.stored)\" in \(path)")
        }
    }
}

extension ObsColumn {
    /// The values of some rows, as an obs column of AnnData.
    fileprivate func exported(_ rows: [Int], as kind: ObsColumnDescription.Kind) -> ColumnValues {
        switch self {
        case .numbers(let values): .numbers(rows.map { values[$0] })
        case .integers(let values): .integers(rows.map { values[$0] == .min ? nil : values[$0] })
        case .text(let values): .strings(rows.map { values[$0] })
        case .categories(let codes, let names):
            kind == .boolean
                ? .booleans(rows.map { codes[$0] < 0 ? nil : codes[$0] != 0 })
                : Self.exported(rows.map { codes[$0] }, names)
        }
    }

    /// Sorted by the names' code points, as pandas does. Names of which no two cells have the same, such as barcodes, are
    /// plain texts, as anndata has them.
    private static func exported(_ codes: [Int32], _ names: [String]) -> ColumnValues {
        let used = Set(codes).filter { $0 >= 0 }
        if used.count == codes.count { return .strings(codes.map { names[Int($0)] }) }
        let sorted = used.sorted { names[Int($0)].utf8.lexicographicallyPrecedes(names[Int($1)].utf8) }
        var newCode = [Int32](repeating: -1, count: names.count)
        for (code, old) in sorted.enumerated() { newCode[Int(old)] = Int32(code) }
        return .categories(
            codes: codes.map { $0 < 0 ? -1 : newCode[Int($0)] }, names: sorted.map { names[Int($0)] }, ordered: false)
    }
}
