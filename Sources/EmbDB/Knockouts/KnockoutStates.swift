internal import HNSW
internal import LMDBStore
internal import Numerics

/// The places that cells are moved between: the goal, the start, and the alternatives; mean (not normalised) embeddings.
struct KnockoutStates {
    /// Cells of the goal.
    let to: Bitmap
    /// Goal, start, alternatives: [directions][dimension].
    let vectors: [[Float]]
    /// The same to compare with.
    let directions: [Direction]
    let separation: StateSeparation
    private let snapshot: Snapshot
    private let k: Int
    private let threads: Int

    init(_ snapshot: Snapshot, _ options: KnockoutOptions, in transaction: borrowing ReadTransaction) throws {
        self.snapshot = snapshot
        k = options.k
        threads = options.threads
        to = try snapshot.rows(selectedBy: options.to, option: "--to", in: transaction)
        var sets = [to.rows, try snapshot.rows(selectedBy: options.from, option: "--from", in: transaction).rows]
        for text in options.alternatives {
            sets.append(try snapshot.rows(selectedBy: text, option: "--alternative", in: transaction).rows)
        }
        vectors = sets.map { StoredVectors.mean(snapshot.set, rows: $0) ?? [] }
        directions = vectors.map { Direction($0) }
        separation = StateSeparation(snapshot.set, sets[1], sets[0], seed: options.seed)
    }

    /// What else neighbors depend on.
    var description: String { "\(snapshot.state.rows) rows, \(snapshot.live.population) live, \(to.rows)" }

    /// cos(embedding, direction) for every direction.
    func cosines(_ embedding: some Sequence<Float>) -> [Double] { directions.map { $0.cosine(embedding) } }

    /// For each embedding, the share of goal cells among its k nearest stored cells, without the cell it was made from.
    func goalShares(_ embeddings: Matrix, rows: (Int) -> Int) -> [Double] {
        snapshot.nearestOthers(of: embeddings, k: k, threads: threads, row: rows).map { neighbors in
            neighbors.isEmpty ? 0 : Double(neighbors.count { to[$0] }) / Double(neighbors.count)
        }
    }
}
