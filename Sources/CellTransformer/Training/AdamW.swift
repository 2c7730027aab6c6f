internal import CKernels
internal import Foundation
internal import Numerics

/// AdamW (Loshchilov and Hutter 2019): Adam with weight decay beside the gradient.
package final class AdamW {
    /// Numbers of an update.
    package struct Options: Sendable, Equatable {
        package var beta1: Float = 0.9
        package var beta2: Float = 0.999
        package var epsilon: Float = 1e-8
        package var weightDecay: Float = 0.001
        /// Whether biases and norms decay, too; Hugging Face's trainer leaves them out.
        package var decaysAll = false

        package init() {}
    }

    package let options: Options
    /// Updates so far.
    package var step = 0
    /// Mean and uncentred variance of the gradients.
    package let mean: Parameters
    package let variance: Parameters

    package init(_ layout: BertLayout, _ options: Options = Options()) {
        self.options = options
        mean = Parameters(layout)
        variance = Parameters(layout)
    }

    /// Numbers that one thread updates.
    private static let share = 1 << 16

    /// Changes the parameters by their gradients, and leaves these as they are.
    ///
    /// - Parameter isFrozen: says which parameters stay, by name.
    package func update(
        _ parameters: Parameters, by gradients: Parameters, rate: Float, threads: Int = 1,
        isFrozen: (String) -> Bool = { _ in false }
    ) {
        step += 1
        var tasks: [(offset: Int, count: Int, decay: Float)] = []
        for parameter in parameters.layout.parameters where !isFrozen(parameter.name) {
            let decays = options.decaysAll || parameter.shape.count == 2
            for first in stride(from: 0, to: parameter.count, by: Self.share) {
                tasks.append(
                    (
                        parameter.offset + first, min(Self.share, parameter.count - first),
                        decays ? options.weightDecay : 0
                    ))
            }
        }
        let (options, mean, variance) = (options, mean, variance)
        let correction1 = Float(1 - pow(Double(options.beta1), Double(step)))
        let correction2 = Float(1 - pow(Double(options.beta2), Double(step)))
        Parallel.forEach(tasks.count, threads: threads) { [tasks] index in
            let task = tasks[index]
            var numbers = ek_adamw_step(
                rate: rate, beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon, decay: task.decay,
                correction1: correction1, correction2: correction2)
            ek_adamw(
                parameters.pointer(task.offset), gradients.pointer(task.offset), mean.pointer(task.offset),
                variance.pointer(task.offset), task.count, &numbers)
        }
    }
}

extension Parameters {
    /// The Euclidean norm of all numbers: the sum of the squares of each tensor, in Double.
    package var norm: Double {
        var sum = 0.0
        for parameter in layout.parameters {
            let values = UnsafeBufferPointer(start: pointer(parameter.offset), count: parameter.count)
            var part = 0.0
            for value in values { part += Double(value) * Double(value) }
            sum += part
        }
        return sum.squareRoot()
    }

    /// Multiplies all numbers so that their norm is at most `limit`; returns what it was.
    @discardableResult
    package func clip(to limit: Double) -> Double {
        let norm = norm
        // As PyTorch's clip_grad_norm_ has it.
        let factor = limit / (norm + 1e-6)
        if factor < 1 { for index in values.indices { values[index] *= Float(factor) } }
        return norm
    }
}
