/// A number that a perturbation has in a cell, made of the shifts of cosines.
enum ShiftStatistic: Hashable {
    /// cos(perturbed, direction) − cos(original, direction).
    case toward(Int)
    /// The shift towards the goal less that towards the start, without what the perturbation of any gene does to the cell.
    case difference

    /// Whether a cell's mean over its genes is taken off.
    var removesCellMeans: Bool { self == .difference }

    /// Directions are the goal, the start, and the alternatives.
    func value(_ shifts: (Int) -> Double) -> Double {
        switch self {
        case .toward(let direction): shifts(direction)
        case .difference: shifts(0) - shifts(1)
        }
    }
}
