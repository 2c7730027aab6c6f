internal import CKernels
package import Numerics

/// Runs cells through a model, each at its own length and without padding. Any number of threads may share it, each with
/// a ``BertWorkspace``. Results depend on the cell and the model alone.
package struct BertEncoder: Sendable {
    package let weights: BertWeights
    let packed: PackedWeights
    package let precision: Precision
    package var configuration: BertConfiguration { weights.configuration }

    /// Packs the weights, if that has not been done yet.
    package init(_ weights: BertWeights, precision: Precision = .f32) {
        self.weights = weights
        self.precision = precision
        packed = weights.packed(precision)
    }

    /// Computes the hidden states after layer `layer`, 0 (the embeddings) to `layerCount`, into `workspace`; layers
    /// above are not computed. Allocates nothing.
    ///
    /// - Throws: ``TransformerError`` `noTokens`, `tooManyTokens`, `unknownToken`, `noSuchLayer`.
    /// - Complexity: ``BertConfiguration/operations(length:layers:)``.
    package func forward(
        _ tokens: Span<UInt32>, through layer: Int, workspace: inout BertWorkspace
    ) throws(TransformerError) {
        try check(tokens, layer: layer, maximumLength: workspace.maximumLength)
        workspace.removeCells()
        embed(tokens, into: &workspace)
        run(0..<layer, &workspace)
    }

    /// The hidden states of both versions of every token against a background: see ``TwoVersions``. Its rows are in
    /// `workspace`, as it says.
    ///
    /// - Throws: as ``forward(_:through:workspace:)``; the workspace has room for twice the tokens.
    func forward(
        _ versions: TwoVersions, of tokens: Span<UInt32>, through layer: Int, workspace: inout BertWorkspace
    ) throws(TransformerError) {
        try check(tokens, layer: layer, maximumLength: configuration.maximumLength)
        embed(tokens, versions.pieces, into: &workspace)
        workspace.queriesPerKey = 2
        run(0..<layer, &workspace)
    }

    /// Hidden states 0 of the pieces, one after another: what `workspace` holds after that.
    func embed(_ tokens: Span<UInt32>, _ pieces: [TokenPiece], into workspace: inout BertWorkspace) {
        workspace.removeCells()
        for piece in pieces {
            embed(tokens, piece.tokens, firstPosition: piece.firstPosition, at: piece.row, into: &workspace)
        }
        workspace.starts.append(pieces.reduce(0) { $0 + $1.tokens.count })
    }

    /// ``forward(_:through:workspace:)`` for some of `cells`, which were checked, one after another in `workspace`.
    func forward(
        _ cells: [CellInput], _ numbers: ArraySlice<Int>, through layer: Int, workspace: inout BertWorkspace
    ) {
        workspace.removeCells()
        for number in numbers {
            let tokens = cells[number].tokens
            embed(tokens.span, into: &workspace)
        }
        run(0..<layer, &workspace)
    }

    /// - Parameter isAttended: whether the attention of the first of the layers has been computed.
    func run(_ layers: Range<Int>, isAttended: Bool = false, _ workspace: inout BertWorkspace) {
        pass(workspace).run(layers, isAttended: isAttended)
        workspace.layer = layers.upperBound
    }

    /// The layers at work in `workspace`, which stays where it is meanwhile.
    func pass(_ workspace: borrowing BertWorkspace) -> BertPass {
        precondition(
            workspace.configuration == configuration && workspace.precision == precision, "a workspace of another model"
        )
        return BertPass(self, workspace)
    }

    /// The hidden states after layers 0...`layer`, each [tokens, h]: for analyses that look at all of them.
    ///
    /// - Throws: as ``forward(_:through:workspace:)``.
    package func allHiddenStates(
        _ tokens: Span<UInt32>, through layer: Int, workspace: inout BertWorkspace
    ) throws(TransformerError) -> [Matrix] {
        try check(tokens, layer: layer, maximumLength: workspace.maximumLength)
        try forward(tokens, through: 0, workspace: &workspace)
        var result = [try workspace.hiddenStates()]
        for index in 0..<layer {
            run(index..<index + 1, &workspace)
            result.append(try workspace.hiddenStates())
        }
        return result
    }

    /// What ``forward(_:through:workspace:)`` demands of its arguments.
    func check(
        _ tokens: Span<UInt32>, layer: Int, maximumLength: Int, cell: Int? = nil
    ) throws(TransformerError) {
        guard layer >= 0, layer <= configuration.layerCount else {
            throw TransformerError(
                .noSuchLayer, cell: cell,
                detail: "layer \(layer) is asked for, the model has \(configuration.layerCount)")
        }
        guard tokens.count > 0 else {
            throw TransformerError(.noTokens, cell: cell, detail: "the cell has no tokens; leave such cells out")
        }
        guard tokens.count <= maximumLength else {
            let positions = configuration.maximumLength
            let owner = maximumLength < positions ? "the workspace has room for" : "the model has positions for"
            throw TransformerError(
                .tooManyTokens, cell: cell, detail: "the cell has \(tokens.count) tokens, \(owner) \(maximumLength)")
        }
        for position in tokens.indices where Int(tokens[position]) >= configuration.vocabularySize {
            throw TransformerError(
                .unknownToken, cell: cell,
                detail: "token \(tokens[position]) at position \(position) is not in the model's vocabulary of "
                    + "\(configuration.vocabularySize); is it another model's vocabulary?")
        }
    }

    /// hidden = norm(word + token type 0 + position) of one more cell; the token type goes first, as in the reference.
    private func embed(_ tokens: Span<UInt32>, into workspace: inout BertWorkspace) {
        embed(tokens, tokens.indices, firstPosition: 0, at: workspace.rows, into: &workspace)
        workspace.starts.append(workspace.rows + tokens.count)
    }

    /// The same of the tokens in `range`, at positions from `firstPosition`, in rows from `row`.
    private func embed(
        _ tokens: Span<UInt32>, _ range: Range<Int>, firstPosition: Int, at row: Int,
        into workspace: inout BertWorkspace
    ) {
        guard !range.isEmpty else { return }
        precondition(row + range.count <= workspace.maximumLength, "no room in the workspace")
        let layout = weights.layout
        let h = configuration.hiddenSize
        let type = weights.pointer(layout.tokenTypeEmbeddings)
        let hidden = workspace.hidden.baseAddress + row * h
        for (place, index) in range.enumerated() {
            let word = weights.pointer(layout.wordEmbeddings) + Int(tokens[index]) * h
            let sum = hidden + place * h
            for column in 0..<h { sum[column] = word[column] + type[column] }
        }
        ek_layer_norm_f32(
            hidden, hidden, weights.pointer(layout.positionEmbeddings) + firstPosition * h,
            weights.pointer(layout.embeddingNorm.weight), weights.pointer(layout.embeddingNorm.bias), range.count, h,
            configuration.layerNormEpsilon)
    }
}
