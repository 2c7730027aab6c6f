internal import CellTransformer

extension PretrainOptions {
    /// How a model learns in `steps` steps.
    func training(steps: Int) -> ModelTraining.Options {
        ModelTraining.Options(
            steps: steps, learningRate: learningRate, warmup: warmup, schedule: schedule, weightDecay: weightDecay,
            dropout: dropout, threads: threads)
    }
}

extension FinetuneOptions {
    /// How a model learns in `steps` steps.
    func training(steps: Int, of model: BertConfiguration) -> ModelTraining.Options {
        var training = ModelTraining.Options(
            steps: steps, learningRate: learningRate ?? (model.hiddenSize < 256 ? 5e-4 : 5e-5), warmup: warmup,
            schedule: schedule, weightDecay: weightDecay, dropout: dropout, threads: threads)
        training.frozen = (0..<freezeLayers).map { "bert.encoder.layer.\($0)." }
        return training
    }
}

extension ModelTraining.Options {
    fileprivate init(
        steps: Int, learningRate: Double, warmup: Double, schedule: PretrainOptions.Schedule, weightDecay: Double,
        dropout: Double, threads: Int
    ) {
        self.init(
            rate: LearningRate(
                highest: learningRate, warmUpSteps: Int((warmup * Double(steps)).rounded()), steps: steps,
                shape: schedule == .linear ? .linear : .cosine))
        optimizer.weightDecay = Float(weightDecay)
        self.dropout = Dropout(hidden: Float(dropout), attention: Float(dropout))
        self.threads = threads
    }
}
