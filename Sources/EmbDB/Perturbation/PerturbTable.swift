/// The results of perturbations as matrices of cells × perturbations, both in order of appearance.
struct PerturbTable {
    /// Ids.
    let cells: [String]
    /// Symbols; of several genes between plus signs.
    let perturbations: [String]
    /// Values by result: the cell and the perturbation.
    private let places: [(cell: Int, perturbation: Int)]
    private let results: [PerturbAnswer.Result]

    init(_ results: [PerturbAnswer.Result]) {
        self.results = results
        var (cells, perturbations) = (Names(), Names())
        places = results.map { result in
            (
                cells.place(of: result.cell),
                perturbations.place(of: result.genes.map(\.gene).joined(separator: "+"))
            )
        }
        (self.cells, self.perturbations) = (cells.all, perturbations.all)
    }

    /// `similarity` and, with a goal, `shift`: float32 [cells, perturbations], NaN where a cell was not perturbed.
    var matrices: [(name: String, values: [Float])] {
        let shifts = results.contains { $0.shift != nil } ? [("shift", matrix(\.shift))] : []
        return [("similarity", matrix(\.similarity))] + shifts
    }

    private func matrix(_ value: (PerturbAnswer.Result) -> Double?) -> [Float] {
        var matrix = [Float](repeating: .nan, count: cells.count * perturbations.count)
        for (result, place) in zip(results, places) {
            matrix[place.cell * perturbations.count + place.perturbation] = value(result).map { Float($0) } ?? .nan
        }
        return matrix
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
