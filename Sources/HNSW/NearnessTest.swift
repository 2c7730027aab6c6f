/// Tells by its sketch whether a row can be nearer than some distance.
///
/// What share of a distance sketches show differs between data sets, and between places of one; around one query it
/// varies little. So a walk learns it from the rows that it has compared by code: mean and variance of the share, recent
/// ones counting most. A row passes if its distance would be small enough with a share two standard deviations above
/// the mean.
struct NearnessTest {
    private static let weight: Float = 1 / 16
    private static let deviations: Float = 2
    /// Sketches of rows at no distance may differ by their rounding: 1/12 for each of two values, 64 times.
    private static let rounding: Float = 64

    private let unit: Float
    private var mean: Float = 1
    /// Wide at first.
    private var variance: Float = 0.01
    private var share: Float = 1.3

    init(unit: Float) { self.unit = unit }

    /// Takes note of a row that was near: the square of its sketch and its distance by code.
    @inline(__always)
    mutating func learn(square: Int32, distance: Float) {
        guard distance > 0 else { return }
        let ratio = min(2, Float(square) * unit / distance)
        let difference = ratio - mean
        mean += Self.weight * difference
        variance += Self.weight * (difference * difference * (1 - Self.weight) - variance)
        share = mean + Self.deviations * variance.squareRoot()
    }

    /// The largest square with which a row may be nearer than `distance`.
    @inline(__always)
    func limit(_ distance: Float) -> Int32 {
        let limit = max(0, distance) * share / unit + Self.rounding
        // Not so for a NaN either, which a damaged file may lead to.
        return limit < 1e9 ? Int32(limit) : 1_000_000_000
    }
}
