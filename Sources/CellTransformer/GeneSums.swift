internal import Glibc
internal import Numerics
internal import Synchronization

/// Sums of genes' hidden states over cells, in groups of cells, from which gene embeddings (means) are made.
///
/// A hidden state x is added as the whole number nearest to x · 2²⁴. So adding is exact: the sums are the same for any
/// order and number of threads, and a cell can be taken away again. |x| is at most 256, so that 2³¹ cells fit into 64
/// bits; the rounding, at most 2⁻²⁵ a cell, is below what f32 resolves in a hidden state of 1/2 or more.
///
/// Memory: 8 bytes a token and dimension for each group, as far as its genes are seen.
package struct GeneSums: Sendable {
    /// Bits behind the binary point of a sum.
    package static let fractionBits = 24
    /// What a hidden state may be; a layer norm gives far less.
    package static let largest: Float = 256

    package let tokenCount: Int
    package let dimension: Int
    private var groups: [Group] = []
    /// Each guards the sums of every 64th token.
    private let locks = (0..<64).map { _ in Lock() }

    /// No group yet.
    package init(tokenCount: Int, dimension: Int) {
        self.tokenCount = tokenCount
        self.dimension = dimension
    }

    private final class Lock: Sendable {
        let mutex = Mutex(())
    }

    /// The sums of one group. The system gives the memory when it is first written to.
    private final class Group: @unchecked Sendable {
        /// [tokens, dimension]
        let sums: UnsafeMutablePointer<Int64>
        /// [tokens]
        let cells: UnsafeMutablePointer<Int64>

        init(tokens: Int, dimension: Int) throws(TransformerError) {
            let sums = calloc(max(1, tokens * dimension), 8)
            let cells = calloc(max(1, tokens), 8)
            guard let sums, let cells else {
                free(sums)
                free(cells)
                throw TransformerError(
                    .notEnoughMemory,
                    detail:
                        "not enough memory for the sums of a group's genes (\(max(1, tokens * dimension >> 17)) MiB): group "
                        + "genes by a column of fewer values, or free some memory")
            }
            self.sums = sums.bindMemory(to: Int64.self, capacity: tokens * dimension)
            self.cells = cells.bindMemory(to: Int64.self, capacity: tokens)
        }

        deinit {
            free(sums)
            free(cells)
        }
    }

    package var groupCount: Int { groups.count }

    /// - Throws: ``TransformerError`` `notEnoughMemory` if the system refuses it; the other groups stay as they are.
    package mutating func addGroup() throws(TransformerError) {
        groups.append(try Group(tokens: tokenCount, dimension: dimension))
    }

    /// Adds the hidden states that `workspace` holds of the cell `input` to the sums of `groups`, or takes them away.
    /// Any number of threads may do so at once.
    ///
    /// - Throws: ``TransformerError`` `unusableHiddenState` for one that is not finite or above ``largest``; the sums
    ///   are then of no use any more.
    package func add(
        _ input: CellInput, of workspace: borrowing BertWorkspace, to groups: [Int], takingAway: Bool = false
    ) throws(TransformerError) {
        precondition(workspace.configuration.hiddenSize == dimension, "sums of another model")
        try workspace.check(input.genes)
        let sign: Int64 = takingAway ? -1 : 1
        for position in input.genes {
            let token = Int(input.tokens[position])
            precondition(token < tokenCount, "a token outside of the vocabulary")
            let states = workspace.hidden.baseAddress + (workspace.start + position) * dimension
            let isUsable = locks[token & 63].mutex.withLock { _ in
                groups.allSatisfy { group in
                    let group = self.groups[group]
                    group.cells[token] &+= sign
                    return Self.add(
                        states, dimension, times: Double(sign), to: group.sums + token * dimension)
                }
            }
            guard isUsable else {
                throw TransformerError(
                    .unusableHiddenState,
                    detail: "the model gives token \(token) a hidden state that is no number of at most "
                        + "\(Int(Self.largest)): check the model's weights")
            }
        }
    }

    /// Adding 1.5 · 2⁵² to a double leaves the nearest whole number (ties to even) in its lowest bits; unlike a
    /// conversion, that is one instruction for several values on every CPU.
    ///
    /// - Returns: whether all values are usable.
    private static func add(
        _ states: UnsafePointer<Float>, _ count: Int, times sign: Double, to sums: UnsafeMutablePointer<Int64>
    ) -> Bool {
        let shift = 0x1.8p52
        let shiftBits = Int64(bitPattern: shift.bitPattern)
        let scale = sign * Double(1 << fractionBits)
        var unusable: Int32 = 0
        for column in 0..<count {
            let state = states[column]
            unusable |= state.magnitude <= largest ? 0 : 1
            let fixed = Double(state) * scale + shift
            sums[column] &+= Int64(bitPattern: fixed.bitPattern) &- shiftBits
        }
        return unusable == 0
    }

    // MARK: What is in it

    /// Tokens that cells of the group have, ascending, with the number of these cells.
    package func genes(of group: Int) -> [(token: UInt32, cells: Int)] {
        (0..<tokenCount).compactMap { token in
            let cells = groups[group].cells[token]
            return cells == 0 ? nil : (UInt32(token), Int(cells))
        }
    }

    /// Lends the sums of a gene. [dimension]
    package func withSums<R>(of token: UInt32, group: Int, _ body: (UnsafeBufferPointer<Int64>) -> R) -> R {
        precondition(Int(token) < tokenCount, "a token outside of the vocabulary")
        return body(UnsafeBufferPointer(start: groups[group].sums + Int(token) * dimension, count: dimension))
    }

    /// Sets the sums of a gene over so many cells. `sums`: [dimension]
    package mutating func set(_ token: UInt32, group: Int, cells: Int, sums: UnsafeBufferPointer<Int64>) {
        precondition(Int(token) < tokenCount && sums.count == dimension, "a token outside of the vocabulary")
        groups[group].cells[Int(token)] = Int64(cells)
        guard let base = sums.baseAddress else { return }
        (groups[group].sums + Int(token) * dimension).update(from: base, count: dimension)
    }

    /// The mean that a sum over `cells` cells stands for.
    package static func mean(_ sum: Int64, cells: Int) -> Float {
        Float(Double(sum) / Double(1 << fractionBits) / Double(cells))
    }
}
