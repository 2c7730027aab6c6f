extension PerturbAnswer {
    /// Writes the results as NumPy's archive of cells × perturbations: `similarity` and, with a goal, `shift`, both float32
    /// [cells, perturbations] with NaN where a cell was not perturbed, `cells` and `perturbations` (ids and symbols, of
    /// several genes between plus signs), in order of appearance.
    ///
    /// - Throws: ``EmbDBError/Code/storage`` if it cannot be written there, `usage` for the place of another kind of file.
    public func writeNPZ(_ path: String) throws(EmbDBError) {
        try withEmbDBErrors {
            var (cells, perturbations) = (Names(), Names())
            let places = results.map { result in
                (
                    cells.place(of: result.cell),
                    perturbations.place(of: result.genes.map(\.gene).joined(separator: "+"))
                )
            }
            let shape = [cells.all.count, perturbations.all.count]
            func matrix(_ value: (Result) -> Double?) -> [Float] {
                var matrix = [Float](repeating: .nan, count: shape[0] * shape[1])
                for (result, place) in zip(results, places) {
                    matrix[place.0 * shape[1] + place.1] = value(result).map { Float($0) } ?? .nan
                }
                return matrix
            }
            var file = try NPZWriter(path)
            try file.add("similarity", descriptor: "<f4", shape: shape) { take in
                try matrix(\.similarity).withUnsafeBytes { try take($0) }
            }
            if results.contains(where: { $0.shift != nil }) {
                try file.add("shift", descriptor: "<f4", shape: shape) { take in
                    try matrix(\.shift).withUnsafeBytes { try take($0) }
                }
            }
            for (name, names) in [("cells", cells.all), ("perturbations", perturbations.all)] {
                let width = max(1, names.map(\.unicodeScalars.count).max() ?? 1)
                try file.add(name, descriptor: "<U\(width)", shape: [names.count]) { take in
                    try Self.scalars(names, width: width).withUnsafeBytes { try take($0) }
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

    /// Texts by their first appearance.
    private struct Names {
        private(set) var all: [String] = []
        private var places: [String: Int] = [:]

        mutating func place(of name: String) -> Int {
            if let place = places[name] { return place }
            places[name] = all.count
            all.append(name)
            return all.count - 1
        }
    }
}
