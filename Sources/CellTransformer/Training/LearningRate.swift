internal import Foundation

/// A learning rate over the steps of a training: up in a line during the warm-up, then down to 0 (Hugging Face's schedules
/// "linear" and "cosine").
package struct LearningRate: Sendable, Equatable {
    package enum Shape: String, Sendable, CaseIterable {
        case linear, cosine
    }

    package var highest: Double
    package var warmUpSteps: Int
    package var steps: Int
    package var shape: Shape

    package init(highest: Double, warmUpSteps: Int, steps: Int, shape: Shape = .linear) {
        self.highest = highest
        self.warmUpSteps = warmUpSteps
        self.steps = steps
        self.shape = shape
    }

    /// The rate of the update after `step` others.
    package func callAsFunction(_ step: Int) -> Double {
        if step < warmUpSteps { return highest * Double(step) / Double(max(1, warmUpSteps)) }
        let progress = min(1, Double(step - warmUpSteps) / Double(max(1, steps - warmUpSteps)))
        return switch shape {
        case .linear: highest * (1 - progress)
        case .cosine: highest * 0.5 * (1 + cos(.pi * progress))
        }
    }
}
