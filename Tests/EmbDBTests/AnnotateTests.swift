import EmbDB
import Foundation
import Testing

@Suite("labels from neighbors")
struct AnnotateTests {
    /// A decision that a test can make.
    struct Decision: Equatable {
        var label: String?
        var confidence: Double?
        var runnerUp: String?
    }

    /// A vote counted in the plainest way, from what a search found.
    struct PlainVote {
        let rule: AnnotateOptions.Vote
        /// Cells of each label in the database.
        let counts: [String: Int]

        func decide(_ neighbors: [NearestCell], _ column: String) -> Decision {
            var weights: [String: Double] = [:]
            var distances: [String: [Double]] = [:]
            let far = Double(neighbors.last?.distance ?? 0)
            for cell in neighbors {
                guard let value = cell.obs.first(where: { $0.name == column })?.value, value != .missing else {
                    continue
                }
                let label = value.description
                let share = Double(counts[label] ?? 0) / Double(counts.values.reduce(0, +))
                let ratio = far > 0 ? Double(cell.distance) / far : 0
                switch rule {
                case .majority: weights[label, default: 0] += 1
                case .distance: weights[label, default: 0] += exp(-ratio * ratio)
                case .prior: weights[label, default: 0] += 1 / share
                }
                distances[label, default: []].append(Double(cell.distance))
            }
            func mean(_ label: String) -> Double {
                let all = distances[label] ?? []
                return all.reduce(0, +) / Double(all.count)
            }
            let ranked = weights.keys.sorted { a, b in
                let (x, y) = (weights[a] ?? 0, weights[b] ?? 0)
                // Sums in another order differ by a few units in the last place.
                if abs(x - y) > 1e-9 { return x > y }
                return (mean(a), a) < (mean(b), b)
            }
            let total = weights.values.reduce(0, +)
            return Decision(
                label: ranked.first, confidence: ranked.first.flatMap { weights[$0] }.map { $0 / total },
                runnerUp: ranked.count > 1 ? ranked[1] : nil)
        }
    }

    static func counts(_ database: Database, _ column: String) throws -> [String: Int] {
        var options = NearestOptions()
        options.k = 1000
        let dimension = try database.info().summary.dimension ?? 0
        let all = try database.nearest(.vectors([[Float](repeating: 1, count: dimension)]), options: options)
        var counts: [String: Int] = [:]
        for cell in all.queries[0].neighbors {
            if let value = cell.obs.first(where: { $0.name == column })?.value, value != .missing {
                counts[value.description, default: 0] += 1
            }
        }
        return counts
    }

    @Test(
        "votes are those of a plain count, for every rule, metric and kind of column",
        arguments: AnnotateOptions.Vote.allCases, [EmbeddingMetric.cosine, .l2])
    func votes(rule: AnnotateOptions.Vote, metric: EmbeddingMetric) throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space) {
            $0.metric = metric
            $0.sample = 70
        }
        let file = QueryFile(Fixture.vectors)
        let columns = ["kind", "cluster", "flag"]
        var labels: Set<String?> = []
        for k in [1, 2, 4, 15, 500] {
            var options = AnnotateOptions(labels: columns)
            options.k = k
            options.vote = rule
            let annotation = try database.annotate(file, options: options)
            #expect(annotation.cells.map(\.cell) == (0..<120).map { "v\($0)" })
            #expect(annotation.cells.map(\.row) == Array(0..<120) && annotation.labels == columns)
            var nearest = NearestOptions()
            nearest.k = k
            let found = try database.nearest(.file(file), options: nearest)
            for (number, column) in columns.enumerated() {
                let plain = PlainVote(rule: rule, counts: try Self.counts(database, column))
                for (cell, query) in zip(annotation.cells, found.queries) {
                    let expected = plain.decide(query.neighbors, column)
                    let decision = cell.decisions[number]
                    #expect(decision.label == expected.label, "\(cell.cell), k \(k), \(column)")
                    #expect(decision.runnerUp == expected.runnerUp, "\(cell.cell), k \(k), \(column)")
                    #expect(abs((decision.confidence ?? -1) - (expected.confidence ?? -1)) < 1e-12)
                    #expect(cell.nearestDistance == query.neighbors[0].distance)
                    if column == "kind" { labels.insert(decision.label) }
                }
            }
        }
        #expect(labels.count == 4, "three labels, and cells without a labelled neighbor")
    }

    @Test("inner products vote by distance from the nearest neighbor")
    func innerProduct() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space) { $0.metric = .ip }
        var options = AnnotateOptions(labels: ["kind"])
        options.vote = .distance
        options.k = 3
        let cells = try database.annotate(QueryFile(Fixture.vectors), options: options).cells
        var nearest = NearestOptions()
        nearest.k = 3
        let found = try database.nearest(.file(QueryFile(Fixture.vectors)), options: nearest)
        for (cell, query) in zip(cells, found.queries) {
            let distances = query.neighbors.map { Double($0.distance) }
            let width = distances[2] - distances[0]
            var weights: [String: Double] = [:]
            for (neighbor, distance) in zip(query.neighbors, distances) where neighbor.obs[0].value != .missing {
                let ratio = width > 0 ? (distance - distances[0]) / width : 0
                weights[neighbor.obs[0].value.description, default: 0] += exp(-ratio * ratio)
            }
            let total = weights.values.reduce(0, +)
            #expect(abs((cell.decisions[0].confidence ?? 0) - (weights.values.max() ?? 0) / max(total, 1e-9)) < 1e-9)
        }
    }

    @Test("equal weights: the nearer label, then the first by name; without a label nothing is made up")
    func ties() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space)
        func decide(_ cell: String, k: Int) throws -> Decision {
            var file = QueryFile(Fixture.vectors)
            file.cells = [cell]
            var options = AnnotateOptions(labels: ["kind"])
            options.k = k
            let annotation = try database.annotate(file, options: options)
            #expect(annotation.cells.map(\.cell) == [cell])
            let found = annotation.cells[0].decisions[0]
            return Decision(label: found.label, confidence: found.confidence, runnerUp: found.runnerUp)
        }
        // v100 (beta) and v101 (alpha) are the same vector.
        #expect(try decide("v100", k: 2) == .init(label: "alpha", confidence: 0.5, runnerUp: "beta"))
        // v4 has no label; nor has anybody else at k = 1.
        #expect(try decide("v4", k: 1) == .init(label: nil, confidence: nil, runnerUp: nil))
        #expect(try decide("v5", k: 1) == .init(label: "beta", confidence: 1, runnerUp: nil))
        // A cell's own label is nearer than that of the next one.
        var nearest = NearestOptions()
        nearest.k = 1
        for row in 21..<60 where row % 5 != 4 {
            let next = try database.nearest(.cells(["v\(row)"]), options: nearest).queries[0].neighbors[0]
            guard next.obs[0].value != .missing else { continue }
            let own = ["beta", "alpha", "gamma", "alpha"][row % 5]
            let other = next.obs[0].value.description
            #expect(
                try decide("v\(row)", k: 2)
                    == .init(
                        label: own, confidence: own == other ? 1 : 0.5, runnerUp: own == other ? nil : other))
        }
    }

    @Test("unknown: farther than 99 of 100 stored cells are from their nearest")
    func unknown() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space) {
            $0.metric = .l2
            $0.filter = "cluster < 3"
        }
        let stored = try database.nearest(.selection("cluster < 3"))
        let distances = stored.queries.map { $0.neighbors[0].distance }.sorted()
        let expected = distances[Int((0.99 * Double(distances.count)).rounded(.up)) - 1]
        let annotation = try database.annotate(QueryFile(Fixture.vectors), options: AnnotateOptions(labels: ["kind"]))
        #expect(annotation.unknownBeyond == expected)
        for cell in annotation.cells {
            #expect(cell.isUnknown == (cell.nearestDistance > expected))
            #expect(cell.decisions[0].label != nil)
        }
        // The numbers repeat: v1 to v18 are v102 to v119 again. Among these alone nobody has a distance.
        let pairs = try ImportTests.imported(space, name: "pairs") {
            $0.metric = .l2
            $0.filter = "score > 0 and score < 4.6 or score > 25.4"
        }
        #expect(try pairs.info().summary.cells == 36)
        let others = try pairs.annotate(QueryFile(Fixture.vectors), options: AnnotateOptions(labels: ["kind"]))
        #expect(others.unknownBeyond == 0)
        #expect(others.cells.map(\.isUnknown) == (0..<120).map { !(1...18).contains($0) && $0 < 102 })
        // One cell has no other one.
        let one = try ImportTests.imported(space, name: "one") { $0.sample = 1 }
        let alone = try one.annotate(QueryFile(Fixture.vectors), options: AnnotateOptions(labels: ["flag"]))
        #expect(alone.unknownBeyond == nil && alone.cells.allSatisfy { !$0.isUnknown })
    }

    @Test("columns without labels, wrong names and wrong files are refused, with what there is")
    func refusals() throws {
        let space = try Workspace()
        let database = try ImportTests.imported(space)
        func refused(
            _ code: EmbDBError.Code, _ words: [String], _ label: String = "kind",
            _ change: (inout QueryFile) -> Void = { _ in }
        ) {
            var file = QueryFile(Fixture.vectors)
            change(&file)
            let error = #expect(throws: EmbDBError.self) {
                _ = try database.annotate(file, options: AnnotateOptions(labels: [label]))
            }
            #expect(error?.code == code, "\(error?.message ?? "")")
            for word in words { #expect(error?.message.contains(word) == true, "\(error?.message ?? "")") }
        }
        refused(.usage, ["kinds", "did you mean kind"], "kinds")
        refused(.usage, ["score", "numbers", "kind", "cluster", "flag"], "score")
        refused(.nothingFound, ["nothing"], "nothing")
        refused(.usage, ["X_short", "5", "12"]) { $0.obsm = "X_short" }
        refused(.input, ["X_ful", "X_full"]) { $0.obsm = "X_ful" }
        refused(.input, ["X_nan", "row 70", "NaN"]) { $0.obsm = "X_nan" }
        refused(.usage, ["--layer"]) { $0.layer = "X" }
        refused(.unknownCell, ["v7x", "v7"]) { $0.cells = ["v7x"] }
        refused(.nothingFound, ["cluster > 9"]) { $0.filter = "cluster > 9" }
        refused(.expression, ["clusster"]) { $0.filter = "clusster > 9" }
        refused(.input, ["no.h5ad"]) { $0.path = space.path("no.h5ad") }
        #expect(
            ResumeTests.code { _ = try database.annotate(QueryFile(Fixture.vectors), options: .init(labels: [])) }
                == .usage)
    }

    @Test("a model's database labels counts; cells without a known gene are left out and counted")
    func counts() throws {
        let space = try Workspace()
        let database = try space.ingested([Fixture.small])
        let warnings = Log()
        var options = AnnotateOptions(labels: ["state"])
        options.k = 1
        let annotation = try database.annotate(
            QueryFile(Fixture.small), options: options, control: Control(warning: { warnings.add($0) }))
        #expect(annotation.cells.count == 47 && annotation.cellsWithoutKnownGene == 1)
        #expect(warnings.lines.contains { $0.contains("1 of 48") })
        let exports = try space.exports(database)
        #expect(annotation.cells.map(\.cell) == exports.ids)
        // Every cell is its own nearest neighbor.
        #expect(annotation.cells.map { $0.decisions[0].label } == exports.obs.map { $0["state"] })
        var file = QueryFile(Fixture.small)
        file.cells = ["cell-5"]
        #expect(ResumeTests.code { _ = try database.annotate(file, options: options) } == .nothingFound)
    }
}
