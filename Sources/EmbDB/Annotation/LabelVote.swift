internal import HNSW
internal import Numerics

/// How the neighbors of a cell decide on its label.
struct LabelVote {
    let rule: AnnotateOptions.Vote

    private struct Candidate {
        let code: Int32
        var weight = 0.0
        var votes = 0
        var distance = 0.0
    }

    /// The label with the most weight. Equal weights: the one whose voters are nearer on average (for as many voters that
    /// is the greater sum of similarities), then the first by name.
    ///
    /// - Parameter neighbors: nearest first; those without a label have no vote.
    func decide(_ neighbors: [Neighbor], _ column: LabelColumn, _ metric: Metric) -> Annotation.Decision {
        let origin = metric == .ip ? Double(neighbors.first?.distance ?? 0) : 0
        let width = Double(neighbors.last?.distance ?? 0) - origin
        var candidates: [Candidate] = []
        for neighbor in neighbors where column.codes[neighbor.row] >= 0 {
            let code = column.codes[neighbor.row]
            let index = candidates.firstIndex { $0.code == code } ?? candidates.count
            if index == candidates.count { candidates.append(Candidate(code: code)) }
            candidates[index].votes += 1
            candidates[index].distance += Double(neighbor.distance)
            if rule == .distance {
                candidates[index].weight += Self.kernel(Double(neighbor.distance) - origin, width: width)
            }
        }
        for index in candidates.indices where rule != .distance {
            let votes = candidates[index].votes
            // One division, so that equal fractions are equal numbers.
            candidates[index].weight =
                rule == .majority
                ? Double(votes) : Double(votes * column.total) / Double(column.counts[Int(candidates[index].code)])
        }
        candidates.sort { a, b in
            if a.weight != b.weight { return a.weight > b.weight }
            let (near, far) = (a.distance / Double(a.votes), b.distance / Double(b.votes))
            if near != far { return near < far }
            return column.labels[Int(a.code)].utf8.lexicographicallyPrecedes(column.labels[Int(b.code)].utf8)
        }
        guard let first = candidates.first else {
            return Annotation.Decision(label: nil, confidence: nil, runnerUp: nil)
        }
        return Annotation.Decision(
            label: column.labels[Int(first.code)],
            confidence: first.weight / candidates.reduce(0) { $0 + $1.weight },
            runnerUp: candidates.count > 1 ? column.labels[Int(candidates[1].code)] : nil)
    }

    /// exp(−(distance/width)²); 1 where all neighbors are equally far.
    private static func kernel(_ distance: Double, width: Double) -> Double {
        width > 0 ? exponential(-(distance / width) * (distance / width)) : 1
    }
}
