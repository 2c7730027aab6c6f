internal import CKernels
internal import Numerics

/// What the forward pass of a batch keeps for the backward pass, and room to compute in; for batches of up to ``rows`` rows
/// and cells of up to ``longest`` tokens.
///
/// A matrix of every layer lies behind that of the layer before.
struct TrainingMemory: ~Copyable {
    let rows: Int
    let longest: Int
    private let configuration: BertConfiguration

    /// [layers + 1] of [rows, h]: what goes into a layer, and what the last one gives.
    private let hidden: AlignedBuffer<Float>
    /// [layers] of [rows, 3h].
    private let queryKeyValue: AlignedBuffer<Float>
    /// [layers] of [rows, h].
    private let context: AlignedBuffer<Float>
    /// [layers] of [rows, h]: before the attention's norm, and after it.
    private let attendedSum: AlignedBuffer<Float>
    private let attended: AlignedBuffer<Float>
    /// [layers] of [rows, f]: before the activation.
    private let inner: AlignedBuffer<Float>
    /// [layers] of [rows, h]: before the output norm.
    private let outputSum: AlignedBuffer<Float>
    /// [rows, h]: before the embeddings' norm.
    let embeddingSum: AlignedBuffer<Float>

    /// Gradients of one layer at a time: [rows, h] of what it gives (and then of what goes in), of what its feed-forward
    /// block adds, of the attention's norm's input, of what attention adds, of the context; [rows, f] of ``inner``;
    /// [rows, 3h] of ``queryKeyValue``.
    let hiddenGradient: AlignedBuffer<Float>
    let outputGradient: AlignedBuffer<Float>
    let attendedGradient: AlignedBuffer<Float>
    let attentionGradient: AlignedBuffer<Float>
    let contextGradient: AlignedBuffer<Float>
    let innerGradient: AlignedBuffer<Float>
    let queryKeyValueGradient: AlignedBuffer<Float>
    /// [rows, f]: f(inner).
    let activated: AlignedBuffer<Float>
    /// [blocks, 4h]: gradients of two norms' gains and biases, by blocks of rows.
    let normGradients: AlignedBuffer<Float>
    /// ``scratchSize`` for each thread.
    let scratch: AlignedBuffer<Float>
    let scratchSize: Int

    /// Rows that go through the linear layers together.
    static let blockRows = 192
    /// Queries whose attention is recomputed together.
    static let queryRows = 64

    init(_ configuration: BertConfiguration, rows: Int, longest: Int, threads: Int) {
        self.configuration = configuration
        self.rows = rows
        self.longest = longest
        let (h, f, layers) = (configuration.hiddenSize, configuration.feedForwardSize, configuration.layerCount)
        func matrix(_ columns: Int, _ count: Int = 1) -> AlignedBuffer<Float> {
            AlignedBuffer(repeating: 0, count: rows * columns * count)
        }
        hidden = matrix(h, layers + 1)
        queryKeyValue = matrix(3 * h, layers)
        context = matrix(h, layers)
        attendedSum = matrix(h, layers)
        attended = matrix(h, layers)
        inner = matrix(f, layers)
        outputSum = matrix(h, layers)
        embeddingSum = matrix(h)
        hiddenGradient = matrix(h)
        outputGradient = matrix(h)
        attendedGradient = matrix(h)
        attentionGradient = matrix(h)
        contextGradient = matrix(h)
        innerGradient = matrix(f)
        queryKeyValueGradient = matrix(3 * h)
        activated = matrix(f)
        let blocks = (rows + Self.blockRows - 1) / Self.blockRows
        normGradients = AlignedBuffer(repeating: 0, count: blocks * 4 * h)
        let size = max(
            ek_attention_scratch(longest, configuration.headSize), 3 * Self.queryRows * longest,
            Self.blockRows * max(h, f))
        scratchSize = (size + 15) / 16 * 16
        scratch = AlignedBuffer(repeating: 0, count: threads * scratchSize)
    }

    private func place(_ buffer: borrowing AlignedBuffer<Float>, _ columns: Int, _ layer: Int)
        -> UnsafeMutablePointer<Float>
    {
        buffer.baseAddress + layer * rows * columns
    }

    /// What goes into `layer`; for the number of layers: what the last one gives.
    func hidden(_ layer: Int) -> UnsafeMutablePointer<Float> { place(hidden, configuration.hiddenSize, layer) }
    func queryKeyValue(_ layer: Int) -> UnsafeMutablePointer<Float> {
        place(queryKeyValue, 3 * configuration.hiddenSize, layer)
    }
    func context(_ layer: Int) -> UnsafeMutablePointer<Float> { place(context, configuration.hiddenSize, layer) }
    func attendedSum(_ layer: Int) -> UnsafeMutablePointer<Float> {
        place(attendedSum, configuration.hiddenSize, layer)
    }
    func attended(_ layer: Int) -> UnsafeMutablePointer<Float> { place(attended, configuration.hiddenSize, layer) }
    func inner(_ layer: Int) -> UnsafeMutablePointer<Float> { place(inner, configuration.feedForwardSize, layer) }
    func outputSum(_ layer: Int) -> UnsafeMutablePointer<Float> { place(outputSum, configuration.hiddenSize, layer) }
}
