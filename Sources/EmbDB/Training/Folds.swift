internal import Numerics

/// Which part of a cross-validation something is tested in.
package enum Folds {
    /// Deals things out to `count` parts, so that each class is spread evenly: by turns, in an order that the seed shuffles.
    ///
    /// - Parameters:
    ///   - classes: class of each, from 0.
    ///   - groups: group of each, from 0; a group (a donor's cells) goes as a whole, the largest first, each to the part where
    ///     it disturbs the balance of the classes least; nil: each for itself.
    package static func assign(classes: [Int], groups: [Int]? = nil, to count: Int, seed: UInt64) -> [Int] {
        var random = SeededRandom(seed: seed)
        if let groups { return assign(groups, classes, to: count, &random) }
        var folds = [Int](repeating: 0, count: classes.count)
        var next = 0
        for label in 0...(classes.max() ?? 0) {
            var members = classes.indices.filter { classes[$0] == label }
            members.shuffle(using: &random)
            // Where the last class ended, so that parts differ by at most one in size as well.
            for member in members {
                folds[member] = next
                next = (next + 1) % count
            }
        }
        return folds
    }

    /// The part that has the share of each class that is nearest to `share`, the first of equal ones; nil if fewer than two
    /// parts have anything. Groups differ in size: the first part may hold nearly all.
    ///
    /// - Parameter folds: part of each; what is in none (−1) does not count.
    package static func part(nearest share: Double, _ folds: [Int], classes: [Int]) -> Int? {
        let classCount = (classes.max() ?? 0) + 1
        var parts: [Int: [Double]] = [:]
        var totals = [Double](repeating: 0, count: classCount)
        for (fold, label) in zip(folds, classes) where fold >= 0 {
            parts[fold, default: [Double](repeating: 0, count: classCount)][label] += 1
            totals[label] += 1
        }
        guard parts.count >= 2 else { return nil }
        let costs = parts.map { fold, counts in
            let cost = zip(counts, totals).reduce(0.0) { sum, pair in
                let miss = pair.1 > 0 ? pair.0 / pair.1 - share : 0
                return sum + miss * miss
            }
            return (cost: cost, fold: fold)
        }
        return costs.min { ($0.cost, $0.fold) < ($1.cost, $1.fold) }?.fold
    }

    private static func assign(
        _ groups: [Int], _ classes: [Int], to count: Int, _ random: inout SeededRandom
    ) -> [Int] {
        let classCount = (classes.max() ?? 0) + 1
        var sizes = [[Double]](
            repeating: [Double](repeating: 0, count: classCount), count: (groups.max() ?? 0) + 1)
        var totals = [Double](repeating: 0, count: classCount)
        for (group, label) in zip(groups, classes) {
            sizes[group][label] += 1
            totals[label] += 1
        }
        var order = Array(sizes.indices)
        order.shuffle(using: &random)
        let places = order.enumerated().map { (group: $1, place: $0, size: sizes[$1].reduce(0, +)) }
            .sorted { ($1.size, $0.place) < ($0.size, $1.place) }
        var filled = [[Double]](repeating: [Double](repeating: 0, count: classCount), count: count)
        var foldOfGroup = [Int](repeating: 0, count: sizes.count)
        for (group, _, _) in places {
            // What the sum of the squared shares of the classes would grow by.
            let costs = filled.map { fold in
                (0..<classCount).reduce(0.0) { sum, label in
                    let (here, new) = (fold[label], sizes[group][label])
                    return totals[label] > 0 ? sum + new * (2 * here + new) / (totals[label] * totals[label]) : sum
                }
            }
            // Of equal ones the smallest, so that none stays empty: a group of a class that a part lacks costs nothing there.
            let full = filled.map { $0.reduce(0, +) }
            let best = costs.indices.min { (costs[$0], full[$0], $0) < (costs[$1], full[$1], $1) } ?? 0
            foldOfGroup[group] = best
            for label in 0..<classCount { filled[best][label] += sizes[group][label] }
        }
        return groups.map { foldOfGroup[$0] }
    }
}
