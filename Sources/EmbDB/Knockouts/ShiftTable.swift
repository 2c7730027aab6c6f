/// By how much perturbations move cells, as far as it was computed: pair by pair, measured by embedding the perturbed cell,
/// or estimated.
struct ShiftTable {
    let directions: Int
    /// [pairs][directions + 1], the change of the share of goal cells among the nearest last; NaN for what is not known.
    private var measured: [Double]
    private var estimated: [Double]
    private var stride: Int { directions + 1 }
    private(set) var measuredPairs: [Int] = []
    /// Cells whose pairs are all estimated.
    private(set) var estimatedCells: [Int] = []

    init(pairs: Int, directions: Int) {
        self.directions = directions
        measured = Array(repeating: .nan, count: pairs * (directions + 1))
        estimated = measured
    }

    mutating func setMeasured(_ pair: Int, _ values: [Double]) {
        if !isMeasured(pair) { measuredPairs.append(pair) }
        measured.replaceSubrange(pair * stride..<(pair + 1) * stride, with: values)
    }

    mutating func setEstimated(_ cell: Int, _ values: [(pair: Int, values: [Double])]) {
        estimatedCells.append(cell)
        for (pair, values) in values { estimated.replaceSubrange(pair * stride..<(pair + 1) * stride, with: values) }
    }

    func isMeasured(_ pair: Int) -> Bool { !measured[pair * stride].isNaN }
    func isEstimated(_ pair: Int) -> Bool { !estimated[pair * stride].isNaN }

    func measured(_ pair: Int, _ statistic: ShiftStatistic) -> Double {
        statistic.value { measured[pair * stride + $0] }
    }

    func estimated(_ pair: Int, _ statistic: ShiftStatistic) -> Double {
        statistic.value { estimated[pair * stride + $0] }
    }

    /// nil for a pair that is neither measured nor estimated.
    func neighborShift(_ pair: Int) -> Double? {
        if isMeasured(pair) { return measured[pair * stride + directions] }
        return isEstimated(pair) ? estimated[pair * stride + directions] : nil
    }
}
