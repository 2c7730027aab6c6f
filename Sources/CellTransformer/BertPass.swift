internal import CKernels
internal import Numerics

/// The layers of a forward pass over the cells in a workspace: the border to the kernels. Pointers are into the workspace
/// and the weights, which outlive it; sizes follow from the configuration, and the cells were checked when they came in.
///
/// All rows are treated alike whatever stands beside them, so that a cell's hidden states are the same bytes alone and
/// among others, on one thread and on several.
struct BertPass: @unchecked Sendable {
    // Unchecked: threads write to rows, heads and scratch memory of their own.

    let configuration: BertConfiguration
    let weights: BertWeights
    let packed: PackedWeights
    private let precision: Precision
    private let threads: Int
    private let starts: [Int]
    private let queriesPerKey: Int
    let hidden: UnsafeMutablePointer<Float>
    let rounded: UnsafeMutablePointer<UInt16>
    let queryKeyValue: UnsafeMutableRawPointer
    let context: UnsafeMutableRawPointer
    private let scratch: UnsafeMutablePointer<Float>
    private let scratchSize: Int

    /// - Parameter workspace: stays where it is while the pass runs.
    init(_ encoder: BertEncoder, _ workspace: borrowing BertWorkspace) {
        configuration = encoder.configuration
        weights = encoder.weights
        packed = encoder.packed
        precision = encoder.precision
        threads = workspace.threads
        starts = workspace.starts
        queriesPerKey = workspace.queriesPerKey
        hidden = workspace.hidden.baseAddress
        rounded = workspace.rounded.baseAddress
        queryKeyValue = UnsafeMutableRawPointer(workspace.queryKeyValue.baseAddress)
        context = UnsafeMutableRawPointer(workspace.context.baseAddress)
        scratch = workspace.scratch.baseAddress
        scratchSize = workspace.scratchSize
    }

    private var rows: Int { starts[starts.count - 1] }

    /// hidden = what layer `layers.upperBound` gives, from what layer `layers.lowerBound` gives.
    ///
    /// - Parameter isAttended: whether `context` is there for the first of the layers.
    func run(_ layers: Range<Int>, isAttended: Bool = false) {
        switch precision {
        case .f32: run(layers, isAttended: isAttended, FloatLayers(self))
        case .bf16: run(layers, isAttended: isAttended, RoundedLayers(self))
        }
    }

    /// A block of rows goes from the attention's output layer to the next layer's queries while it is in the cache.
    private func run(_ layers: Range<Int>, isAttended: Bool, _ kernels: some BertLayers) {
        guard !layers.isEmpty else { return }
        if !isAttended { project(layer: layers.lowerBound, kernels) }
        for layer in layers {
            if layer > layers.lowerBound || !isAttended { attend(kernels) }
            forEachBlock { first, count, scratch in
                kernels.finish(layer: layer, first, count, scratch)
                if layer + 1 < layers.upperBound { kernels.project(layer: layer + 1, first, count) }
            }
        }
    }

    /// The first layer's attention for deletions of a block, whose rows are the workspace's.
    ///
    /// - Parameters:
    ///   - deleted: positions in the block.
    ///   - contexts: [deleted][tokens − 1, h], in numbers of the precision.
    func attendFirst(_ block: DeletionBlock, _ deleted: [Int], into contexts: UnsafeMutableRawPointer) {
        switch precision {
        case .f32: attendFirst(block, deleted, into: contexts, FloatLayers(self))
        case .bf16: attendFirst(block, deleted, into: contexts, RoundedLayers(self))
        }
    }

    private func attendFirst(
        _ block: DeletionBlock, _ deleted: [Int], into contexts: UnsafeMutableRawPointer, _ kernels: some BertLayers
    ) {
        precondition(block.rows == rows && deleted.allSatisfy(block.positions.contains), "another block")
        project(layer: 0, kernels)
        let heads = configuration.headCount
        let parts = parts(of: heads)
        nonisolated(unsafe) let contexts = contexts
        deleted.withUnsafeBufferPointer { starts in
            nonisolated(unsafe) let gaps = ek_gaps(
                first: block.positions.lowerBound, width: block.positions.count - 1, starts: starts.baseAddress,
                count: deleted.count, context_size: (block.length - 1) * configuration.hiddenSize)
            forEach(heads * parts) { task, scratch in
                let queries = Self.share(task % parts, of: parts, block.rows)
                guard !queries.isEmpty else { return }
                kernels.attend(head: task / parts, gaps: gaps, rows: block.rows, queries, into: contexts, scratch)
            }
        }
    }

    private func project(layer: Int, _ kernels: some BertLayers) {
        if precision == .bf16 { ek_round_bf16(hidden, rows * configuration.hiddenSize, rounded) }
        forEachBlock { first, count, _ in kernels.project(layer: layer, first, count) }
    }

    /// Where the heads (of all cells) are fewer than what keeps the threads busy, a cell's queries are divided, too.
    private func parts(of heads: Int) -> Int { threads == 1 ? 1 : max(1, 4 * threads / heads) }

    private static func share(_ part: Int, of parts: Int, _ length: Int) -> Range<Int> {
        let share = ((length + parts - 1) / parts + 31) / 32 * 32
        let first = min(length, part * share)
        return first..<min(length, first + share)
    }

    /// context = softmax(Q Kᵀ / √d) V, for every cell and head.
    private func attend(_ kernels: some BertLayers) {
        let heads = configuration.headCount
        let parts = parts(of: heads * (starts.count - 1))
        forEach((starts.count - 1) * heads * parts) { task, scratch in
            let cell = task / (heads * parts)
            let start = starts[cell]
            let length = starts[cell + 1] - start
            let queries = Self.share(task % parts, of: parts, length)
            guard !queries.isEmpty else { return }
            kernels.attend(
                head: task / parts % heads, keys: start..<start + length / queriesPerKey, queries, scratch)
        }
    }

    private func forEachBlock(_ body: @Sendable (Int, Int, UnsafeMutablePointer<Float>) -> Void) {
        let size = BertWorkspace.blockRows
        forEach((rows + size - 1) / size) { block, scratch in
            body(block * size, min(size, rows - block * size), scratch)
        }
    }

    /// Calls `body` with 0..<count, and scratch memory that no other call has meanwhile.
    private func forEach(_ count: Int, _ body: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void) {
        guard threads > 1, count > 1 else {
            for index in 0..<count { body(index, scratch) }
            return
        }
        Parallel.forEach(count, workers: threads) { worker, index in body(index, scratch + worker * scratchSize) }
    }
}

/// The layers of a pass in one precision; `first`, `count`: a block of rows, `scratch`: memory of one thread.
protocol BertLayers: Sendable {
    /// Query, key and value of the rows.
    func project(layer: Int, _ first: Int, _ count: Int)

    /// context = softmax(Q Kᵀ / √d) V for the head and the `queries`, counted from the first of the rows that are `keys`.
    func attend(head: Int, keys: Range<Int>, _ queries: Range<Int>, _ scratch: UnsafeMutablePointer<Float>)

    /// The same of `rows` rows from the first on for each of some gaps, into `contexts`: see `ek_attention_gaps_f32`.
    func attend(
        head: Int, gaps: ek_gaps, rows: Int, _ queries: Range<Int>, into contexts: UnsafeMutableRawPointer,
        _ scratch: UnsafeMutablePointer<Float>)

    /// hidden = norm(a + W2 f(W1 a)), a = norm(hidden + attention(hidden)).
    func finish(layer: Int, _ first: Int, _ count: Int, _ scratch: UnsafeMutablePointer<Float>)
}

extension BertConfiguration.Activation {
    var kernel: ek_activation {
        switch self {
        case .relu: EK_RELU
        case .gelu: EK_GELU
        }
    }
}
