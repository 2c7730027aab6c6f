internal import CKernels
package import Numerics

/// Runs one cell at a time through a model, at its own length and without padding. Any number of threads may share
/// it, each with a ``BertWorkspace``. Results depend on the cell and the model alone.
package struct BertEncoder: Sendable {
    package let weights: BertWeights
    package var configuration: BertConfiguration { weights.configuration }

    package init(_ weights: BertWeights) { self.weights = weights }

    /// Computes the hidden states after layer `layer`, 0 (the embeddings) to `layerCount`, into `workspace`; layers
    /// above are not computed. Allocates nothing.
    ///
    /// - Throws: ``TransformerError`` `noTokens`, `tooManyTokens`, `unknownToken`, `noSuchLayer`.
    /// - Complexity: ``BertConfiguration/operations(length:layers:)``.
    package func forward(
        _ tokens: Span<UInt32>, through layer: Int, workspace: inout BertWorkspace
    ) throws(TransformerError) {
        try check(tokens, layer: layer, maximumLength: workspace.maximumLength)
        precondition(workspace.configuration == configuration, "a workspace of another model")
        embed(tokens, into: &workspace)
        for index in 0..<layer { run(layer: index, workspace: &workspace) }
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
            run(layer: index, workspace: &workspace)
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
                .noSuchLayer, cell: cell, detail: "layer \(layer) is asked for, the model has \(configuration.layerCount)")
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

    /// hidden = norm(word + token type 0 + position); the token type goes first, as in the reference.
    private func embed(_ tokens: Span<UInt32>, into workspace: inout BertWorkspace) {
        let layout = weights.layout
        let h = configuration.hiddenSize
        let type = weights.pointer(layout.tokenTypeEmbeddings)
        for position in tokens.indices {
            let word = weights.pointer(layout.wordEmbeddings) + Int(tokens[position]) * h
            let sum = workspace.projected.baseAddress + position * h
            for column in 0..<h { sum[column] = word[column] + type[column] }
        }
        workspace.length = tokens.count
        workspace.layer = 0
        norm(
            workspace.projected.baseAddress, plus: weights.pointer(layout.positionEmbeddings), layout.embeddingNorm,
            rows: tokens.count, into: workspace.hidden.baseAddress)
    }
}
