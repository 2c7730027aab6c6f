internal import CellTransformer

extension PretrainOptions {
    /// How a model learns in `steps` steps.
    func training(steps: Int) -> ModelTraining.Options {
        var training = ModelTraining.Options(
            rate: LearningRate(
                highest: learningRate, warmUpSteps: Int((warmup * Double(steps)).rounded()), steps: steps,
                shape: schedule == .linear ? .linear : .cosine))
        training.optimizer.weightDecay = Float(weightDecay)
        training.dropout = Dropout(hidden: Float(dropout), attention: Float(dropout))
        training.threads = threads
        return training
    }
}
