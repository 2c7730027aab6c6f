internal import Foundation
internal import Numerics

/// A made-up heart. Nothing here is measured: it has what a reader expects to find again, and no more.
///
/// - Every gene has a base weight, log-normal with σ = 1.5; each cell type multiplies each weight by a log-normal factor
///   of its own with σ = 1. The weights of a type are shares of its transcripts: they sum to 1.
/// - A type's marker genes have the share that ``markerShare`` says in it, and a fiftieth of that elsewhere.
/// - Half of the cells are "dilated cardiomyopathy", half "normal". The disease multiplies the shares that
///   ``diseaseFactors`` lists: in cardiomyocytes the stress programme (NPPA, NPPB, ACTA1, ANKRD1, XIRP2, MYH7) rises while
///   MYH6, ATP2A2, PLN and RYR2 fall; in fibroblasts the genes of matrix and activation (POSTN, FN1, COL1A1, COMP, FAP)
///   rise. Directions are those of the textbooks on the failing human heart; the factors are invented.
/// - A cell's depth is log-normal around 2,500 transcripts (σ = 0.3). A count is negative binomial: Poisson with mean
///   depth × share × g, g gamma with mean 1 and variance 0.3.
struct SimulatedHeart {
    private struct CellType {
        let name: String
        let cells: Int
        let markers: [String]
        /// What the disease multiplies shares by.
        var diseaseFactors: [String: Double] = [:]
    }

    private static let types = [
        CellType(
            name: "cardiomyocyte", cells: 240,
            markers: [
                "TTN", "MYH7", "MYH6", "TNNT2", "TNNI3", "ACTC1", "RYR2", "ATP2A2", "MYBPC3", "PLN", "NPPA", "NPPB",
                "ACTA1", "ANKRD1", "XIRP2", "CKM", "MB", "CORIN",
            ],
            diseaseFactors: [
                "NPPA": 6, "NPPB": 6, "ACTA1": 5, "ANKRD1": 4, "XIRP2": 3, "MYH7": 2, "MYH6": 0.2, "ATP2A2": 0.4,
                "PLN": 0.6, "RYR2": 0.6,
            ]),
        CellType(
            name: "fibroblast", cells: 160,
            markers: ["DCN", "LUM", "PDGFRA", "COL1A1", "COL1A2", "COL3A1", "POSTN", "FN1", "COMP", "FAP", "GPX3"],
            diseaseFactors: ["POSTN": 6, "FN1": 3, "COL1A1": 3, "COMP": 4, "FAP": 4, "GPX3": 0.5]),
        CellType(name: "endothelial cell", cells: 100, markers: ["PECAM1", "VWF", "CDH5", "EMCN", "KDR", "EGFL7"]),
        CellType(name: "mural cell", cells: 60, markers: ["RGS5", "NOTCH3", "ACTA2", "MYH11", "TAGLN", "LMOD1"]),
        CellType(name: "macrophage", cells: 40, markers: ["CD163", "MRC1", "CD68", "C1QA", "CSF1R", "CTSB"]),
    ]

    private static let markerShare = 0.003
    private static let depth = 2_500.0
    private static let dispersion = 0.3

    private let genes: [Gene]
    private var random: SeededRandom
    private var baseWeights: [Double] = []

    /// - Throws: ``SimulationError`` if a gene that the model names is not among `genes`.
    init(genes: [Gene], seed: UInt64) throws {
        self.genes = genes
        random = SeededRandom(seed: seed)
        let known = Set(genes.map(\.symbol))
        for type in Self.types {
            for symbol in type.markers + type.diseaseFactors.keys where !known.contains(symbol) {
                throw SimulationError("the vocabulary has no gene \(symbol)")
            }
        }
        for _ in genes { baseWeights.append(exp(1.5 * random.normal())) }
    }

    /// All cells, types and diseases mixed; the same for one seed.
    mutating func drawCells() -> [SimulatedCell] {
        var cells: [SimulatedCell] = []
        for type in Self.types {
            let own = baseWeights.map { $0 * exp(random.normal()) }
            for disease in ["normal", "dilated cardiomyopathy"] {
                let shares = shares(of: type, own: own, isDiseased: disease != "normal")
                for _ in 0..<type.cells / 2 {
                    cells.append(SimulatedCell(type: type.name, disease: disease, counts: drawCounts(shares)))
                }
            }
        }
        cells.shuffle(using: &random)
        return cells
    }

    private func shares(of type: CellType, own: [Double], isDiseased: Bool) -> [Double] {
        let ownMarkers = Set(type.markers)
        let allMarkers = Set(Self.types.flatMap(\.markers))
        let total = own.reduce(0, +)
        var shares = own.map { $0 / total }
        for (gene, symbol) in genes.map(\.symbol).enumerated() where allMarkers.contains(symbol) {
            shares[gene] = Self.markerShare * (ownMarkers.contains(symbol) ? 1 : 0.02)
            if isDiseased { shares[gene] *= type.diseaseFactors[symbol] ?? 1 }
        }
        let sum = shares.reduce(0, +)
        return shares.map { $0 / sum }
    }

    private mutating func drawCounts(_ shares: [Double]) -> [(gene: Int32, count: Int32)] {
        let depth = Self.depth * exp(0.3 * random.normal())
        var counts: [(gene: Int32, count: Int32)] = []
        for (gene, share) in shares.enumerated() {
            let noise = random.gamma(shape: 1 / Self.dispersion) * Self.dispersion
            let count = random.poisson(mean: depth * share * noise)
            if count > 0 { counts.append((Int32(gene), Int32(count))) }
        }
        return counts
    }
}

/// A row of the matrix and its labels.
struct SimulatedCell {
    let type: String
    let disease: String
    /// Counts above zero, by ascending gene.
    let counts: [(gene: Int32, count: Int32)]
}

extension SeededRandom {
    /// Gamma with scale 1, for shapes from 1 (Marsaglia and Tsang 2000).
    fileprivate mutating func gamma(shape: Double) -> Double {
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let root = 1 + c * x
            guard root > 0 else { continue }
            let v = root * root * root
            if log(1 - uniform()) < x * x / 2 + d - d * v + d * log(v) { return d * v }
        }
    }

    /// Poisson, by multiplying uniform numbers (Knuth): O(mean), for means up to some hundred.
    fileprivate mutating func poisson(mean: Double) -> Int {
        let limit = exp(-mean)
        var product = 1 - uniform()
        var count = 0
        while product > limit {
            product *= 1 - uniform()
            count += 1
        }
        return count
    }
}
