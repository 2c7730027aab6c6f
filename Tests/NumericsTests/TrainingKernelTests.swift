import CKernels
import Foundation
import Numerics
import Testing

/// The kernels of training on every level that this machine has, against the same formulas in Double.
@Suite("Kernels for training", .serialized)
struct TrainingKernelTests {
    @Test("softmax of rows and its gradient", arguments: [(1, 1), (3, 7), (2, 8), (5, 33), (4, 100)])
    func softmax(rows: Int, columns: Int) {
        let stride = columns + 3
        let x = normals(rows * stride, seed: 1, scale: 5)
        let slopes = normals(rows * stride, seed: 2)
        let scale = 0.7
        onEveryLevel { name in
            var p = x
            var logs = [Float](repeating: 0, count: rows)
            ek_softmax_rows(&p, rows, columns, stride, Float(scale), &logs)
            var dp = slopes
            ek_softmax_backward_rows(p, &dp, rows, columns, stride, Float(scale))
            for row in 0..<rows {
                let values = (0..<columns).map { Double(x[row * stride + $0]) * scale }
                let top = values.max() ?? 0
                let sum = values.reduce(0) { $0 + exp($1 - top) }
                #expect((Double(logs[row]) - top - log(sum)).magnitude < 1e-5, "\(name)")
                let weights = values.map { exp($0 - top) / sum }
                let mean = (0..<columns).reduce(0.0) { $0 + weights[$1] * Double(slopes[row * stride + $1]) }
                for column in 0..<columns {
                    let place = row * stride + column
                    #expect((Double(p[place]) - weights[column]).magnitude < 1e-6, "\(name)")
                    let expected = weights[column] * (Double(slopes[place]) - mean) * scale
                    #expect((Double(dp[place]) - expected).magnitude < 2e-6, "\(name)")
                }
                for column in columns..<stride {
                    #expect(p[row * stride + column] == x[row * stride + column], "\(name): behind the row")
                }
            }
            var bad: [Float] = [1, .nan, 2]
            ek_softmax_rows(&bad, 1, 3, 3, 1, nil)
            #expect(bad.allSatisfy { $0.isNaN }, "\(name)")
        }
    }

    @Test("layer norm's gradient", arguments: [(1, 5), (3, 16), (4, 77)])
    func layerNorm(rows: Int, columns: Int) {
        let x = normals(rows * columns, seed: 3, scale: 2)
        let slopes = normals(rows * columns, seed: 4)
        let gain = normals(columns, seed: 5)
        onEveryLevel { name in
            var dx = [Float](repeating: 0, count: rows * columns)
            var (dgain, dbias) = ([Float](repeating: 1, count: columns), [Float](repeating: 2, count: columns))
            ek_layer_norm_backward(x, slopes, gain, rows, columns, 1e-5, &dx, &dgain, &dbias)
            var expected = (gain: [Double](repeating: 1, count: columns), bias: [Double](repeating: 2, count: columns))
            for row in 0..<rows {
                let values = (0..<columns).map { Double(x[row * columns + $0]) }
                let mean = values.reduce(0, +) / Double(columns)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                let normed = values.map { ($0 - mean) / (variance + 1e-5).squareRoot() }
                let g = (0..<columns).map { Double(slopes[row * columns + $0]) * Double(gain[$0]) }
                let a = g.reduce(0, +) / Double(columns)
                let b = zip(g, normed).reduce(0) { $0 + $1.0 * $1.1 } / Double(columns)
                for column in 0..<columns {
                    let wanted = (g[column] - a - normed[column] * b) / (variance + 1e-5).squareRoot()
                    #expect((Double(dx[row * columns + column]) - wanted).magnitude < 1e-5, "\(name)")
                    expected.gain[column] += Double(slopes[row * columns + column]) * normed[column]
                    expected.bias[column] += Double(slopes[row * columns + column])
                }
            }
            for column in 0..<columns {
                #expect((Double(dgain[column]) - expected.gain[column]).magnitude < 1e-5, "\(name)")
                #expect((Double(dbias[column]) - expected.bias[column]).magnitude < 1e-5, "\(name)")
            }
        }
    }

    @Test("activations and their slopes on a fine grid")
    func activations() {
        let grid = (0...4001).map { Float($0) / 200 - 10 }
        let ones = [Float](repeating: 1, count: grid.count)
        onEveryLevel { name in
            var (y, slope) = (grid, ones)
            ek_activation_f32(grid, grid.count, EK_GELU, &y)
            ek_activation_backward(grid, ones, grid.count, EK_GELU, &slope)
            for (index, x) in grid.enumerated() {
                let v = Double(x)
                let phi = exp(-v * v / 2) / (2 * Double.pi).squareRoot()
                let share = complementaryErrorFunction(-v / 2.0.squareRoot()) / 2
                #expect((Double(y[index]) - v * share).magnitude < 2e-6, "\(name) \(x)")
                #expect((Double(slope[index]) - share - v * phi).magnitude < 1e-6, "\(name) \(x)")
            }
            ek_activation_f32(grid, grid.count, EK_RELU, &y)
            ek_activation_backward(grid, ones, grid.count, EK_RELU, &slope)
            #expect(y == grid.map { max(0, $0) } && slope == grid.map { $0 > 0 ? 1 : 0 }, "\(name)")
        }
    }

    @Test("AdamW's update")
    func adamW() {
        let count = 37
        let (p, g) = (normals(count, seed: 8), normals(count, seed: 9))
        let (m, v) = (normals(count, seed: 10), normals(count, seed: 11).map { $0 * $0 })
        var step = ek_adamw_step(
            rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.1, correction1: 0.271, correction2: 0.003)
        onEveryLevel { name in
            var (p1, m1, v1) = (p, m, v)
            ek_adamw(&p1, g, &m1, &v1, count, &step)
            for index in 0..<count {
                let mean = 0.9 * Double(m[index]) + 0.1 * Double(g[index])
                let variance = 0.999 * Double(v[index]) + 0.001 * Double(g[index]) * Double(g[index])
                let kept = Double(p[index]) * (1 - 0.01 * 0.1)
                let wanted = kept - 0.01 / 0.271 * mean / ((variance / 0.003).squareRoot() + 1e-8)
                #expect((Double(m1[index]) - mean).magnitude < 1e-6, "\(name)")
                #expect((Double(v1[index]) - variance).magnitude < 1e-6, "\(name)")
                #expect((Double(p1[index]) - wanted).magnitude < 1e-5, "\(name)")
            }
        }
    }

    @Test("dropout: the share, the scale, a stream that goes on at any index, and other streams are others")
    func dropout() {
        let count = 100_000
        let ones = [Float](repeating: 1, count: count)
        func dropped(_ rate: Float, _ stream: UInt64, _ count: Int) -> [Float] {
            var y = [Float](repeating: 7, count: count)
            ek_dropout(ones, count, rate, stream, &y)
            return y
        }
        for rate in [Float(0.02), 0.1, 0.5] {
            let y = dropped(rate, 0x1234_5678_0000_0000, count)
            let zeros = y.count { $0 == 0 }
            let expected = Double(rate) * Double(count)
            #expect((Double(zeros) - expected).magnitude < 5 * expected.squareRoot(), "\(rate): \(zeros)")
            #expect(Set(y) == [0, 1 / (1 - rate)])
            #expect(dropped(rate, 0x1234_5678_0000_03e8, 500) == Array(y[1000..<1500]))
            let other = dropped(rate, 0x1234_5679_0000_0000, count)
            let both = zip(y, other).count { $0 == 0 && $1 == 0 }
            let chance = expected * Double(rate)
            #expect((Double(both) - chance).magnitude < 6 * chance.squareRoot() + 6, "\(rate): \(both)")
        }
    }

    @Test("dropout drops the same numbers on every level", arguments: [1, 7, 16, 33, 1000])
    func dropoutOfLevels(count: Int) {
        let x = normals(count, seed: 3)
        var first: [Float]?
        onEveryLevel { name in
            var y = x + [5]
            ek_dropout(y, count, 0.3, 0x9876_0000_0000_0011, &y)
            #expect(y == first ?? y && y[count] == 5, "\(name)")
            first = y
        }
        #expect(first?.contains(0) == (count > 1))
    }
}
