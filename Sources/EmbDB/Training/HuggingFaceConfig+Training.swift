internal import CellTransformer
internal import Checkpoints

extension HuggingFaceConfig {
    /// Of a model with the head of a task.
    init(_ configuration: BertConfiguration, task: TrainingTask, labels: [String]) {
        self.init(
            vocabularySize: configuration.vocabularySize, hiddenSize: configuration.hiddenSize,
            hiddenLayers: configuration.layerCount, attentionHeads: configuration.headCount,
            intermediateSize: configuration.feedForwardSize,
            hiddenActivation: configuration.activation == .relu ? .relu : .gelu,
            maximumPositions: configuration.maximumLength, tokenTypes: configuration.tokenTypeCount,
            layerNormEpsilon: configuration.layerNormEpsilon, padToken: configuration.paddingToken)
        architectures =
            switch task {
            case .maskedGenes: ["BertForMaskedLM"]
            case .cells: ["BertForSequenceClassification"]
            case .genes: ["BertForTokenClassification"]
            }
        self.labels = labels
    }
}
