extension PerturbAnswer {
    /// Writes the results as NumPy's archive of cells × perturbations: `similarity` and, with a goal, `shift`, both float32
    /// [cells, perturbations] with NaN where a cell was not perturbed, `cells` and `perturbations` (ids and symbols, of
    /// several genes between plus signs), in order of appearance; `partial` where it is not all.
    ///
    /// - Throws: ``EmbDBError/Code/storage`` if it cannot be written there, `usage` for the place of another kind of file.
    public func writeNPZ(_ path: String) throws(EmbDBError) {
        try withEmbDBErrors {
            let table = PerturbTable(results)
            var file = try NPZWriter(path)
            for (name, values) in table.matrices {
                let shape = [table.cells.count, table.perturbations.count]
                try file.add(name, descriptor: "<f4", shape: shape) { take in
                    try values.withUnsafeBytes { try take($0) }
                }
            }
            for (name, names) in [("cells", table.cells), ("perturbations", table.perturbations)] {
                let width = max(1, names.map(\.unicodeScalars.count).max() ?? 1)
                try file.add(name, descriptor: "<U\(width)", shape: [names.count]) { take in
                    try Self.scalars(names, width: width).withUnsafeBytes { try take($0) }
                }
            }
            if isPartial {
                try file.add("partial", descriptor: "|b1", shape: []) { take in
                    try withUnsafeBytes(of: true) { try take($0) }
                }
            }
            try file.finish()
        }
    }

    /// UTF-32 of so many characters each, zeros behind, as NumPy has texts.
    private static func scalars(_ names: [String], width: Int) -> [UInt32] {
        names.flatMap { name in
            let own = name.unicodeScalars.map { $0.value.littleEndian }
            return own + Array(repeating: 0, count: width - own.count)
        }
    }
}
