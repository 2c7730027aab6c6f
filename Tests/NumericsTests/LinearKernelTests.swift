import CKernels
import Foundation
import Numerics
import Testing

/// y = f(x Wᵀ + b) + r on every level that this machine has, against the same formula in Double.
@Suite("Linear layers", .serialized)
struct LinearKernelTests {
    struct Layer {
        let rows: Int
        let input: Int
        let output: Int
        let x: [Float]
        let weights: [Float]
        let bias: [Float]
        let residual: [Float]
        let packed: [Float]

        init(rows: Int, input: Int, output: Int) {
            self.rows = rows
            self.input = input
            self.output = output
            x = normals(rows * input, seed: UInt64(rows))
            weights = normals(output * input, seed: UInt64(1000 + input))
            bias = normals(output, seed: UInt64(2000 + output))
            residual = normals(rows * output, seed: UInt64(3000 + output))
            packed = LinearKernelTests.packed(weights, output: output, input: input)
        }

        /// Rows `range` of y; the memory behind it must stay as it is.
        func result(_ range: Range<Int>, _ kind: ek_activation, isInPlace: Bool = false, hasResidual: Bool) -> [Float] {
            let guardValue: Float = 12345
            var y = Array(residual[range.lowerBound * output..<range.upperBound * output])
            if !isInPlace { y = y.map { _ in .nan } }
            y += [guardValue, guardValue]
            y.withUnsafeMutableBufferPointer { y in
                residual.withUnsafeBufferPointer { residual in
                    x.withUnsafeBufferPointer { x in
                        let added =
                            isInPlace
                            ? UnsafePointer(y.baseAddress!) : residual.baseAddress! + range.lowerBound * output
                        ek_linear_f32(
                            x.baseAddress! + range.lowerBound * input, range.count, input, packed, bias, output, kind,
                            hasResidual ? added : nil, y.baseAddress!)
                    }
                }
            }
            #expect(Array(y.suffix(2)) == [guardValue, guardValue])
            return y.dropLast(2)
        }
    }

    static func packed(_ weights: [Float], output: Int, input: Int) -> [Float] {
        var packed = [Float](repeating: .nan, count: ek_packed_size(output, input))
        ek_pack_f32(weights, output, input, &packed)
        return packed
    }

    @Test("agree with Double at every number of rows and columns, with every ending")
    func oracle() {
        for (rows, input, output) in [
            (1, 1, 1), (2, 3, 5), (3, 7, 15), (4, 16, 16), (5, 24, 17), (6, 24, 31), (7, 33, 32), (8, 5, 33),
            (9, 64, 47),
            (11, 24, 72), (12, 48, 24), (13, 40, 100), (191, 8, 20), (192, 9, 20), (193, 10, 40), (400, 3, 5),
        ] {
            let layer = Layer(rows: rows, input: input, output: output)
            onEveryLevel { name in
                for (kind, hasResidual) in [
                    (EK_NO_ACTIVATION, false), (EK_RELU, true), (EK_GELU, false), (EK_NO_ACTIVATION, true),
                ] {
                    let y = layer.result(0..<rows, kind, hasResidual: hasResidual)
                    for row in 0..<rows {
                        for column in 0..<output {
                            var sum = Double(layer.bias[column])
                            var size = 1.0
                            for i in 0..<input {
                                let product =
                                    Double(layer.x[row * input + i]) * Double(layer.weights[column * input + i])
                                sum += product
                                size += product.magnitude
                            }
                            var expected = sum
                            if kind == EK_RELU { expected = max(0, sum) }
                            if kind == EK_GELU { expected = gelu(sum) }
                            if hasResidual { expected += Double(layer.residual[row * output + column]) }
                            let difference = (Double(y[row * output + column]) - expected).magnitude
                            #expect(
                                difference <= 1e-6 * size, "\(name) \(rows) \(input) \(output) \(kind) \(difference)")
                        }
                    }
                }
            }
        }
    }

    @Test(
        "a row's result is the same bits alone, among others, at any place, and where the sum goes on top of the residual"
    )
    func independentOfTheRows() {
        let layer = Layer(rows: 197, input: 37, output: 50)
        onEveryLevel { name in
            let whole = layer.result(0..<197, EK_GELU, hasResidual: true)
            #expect(layer.result(0..<197, EK_GELU, isInPlace: true, hasResidual: true) == whole, "\(name)")
            for range in [0..<1, 1..<2, 5..<12, 100..<113, 190..<197, 196..<197, 3..<196] {
                #expect(
                    layer.result(range, EK_GELU, hasResidual: true)
                        == Array(whole[range.lowerBound * 50..<range.upperBound * 50]), "\(name) \(range)")
            }
        }
    }

    /// f(value) for every value, by weights on one input that is 1.
    func activated(_ values: [Float], _ kind: ek_activation) -> [Float] {
        let packed = Self.packed(values, output: values.count, input: 1)
        var y = [Float](repeating: 7, count: values.count)
        ek_linear_f32([1], 1, 1, packed, [Float](repeating: 0, count: values.count), values.count, kind, nil, &y)
        return y
    }

    @Test("GELU stays within 1e-6 of the exact form on a fine grid of -12...12; ReLU is exact")
    func activations() {
        let grid = (0...48000).map { Float($0) / 2000 - 12 }
        onEveryLevel { name in
            var worst = 0.0
            for (v, g) in zip(grid, activated(grid, EK_GELU)) {
                let exact = gelu(Double(v))
                worst = max(worst, (Double(g) - exact).magnitude - 1.2e-7 * exact.magnitude)
            }
            #expect(worst < 5e-7, "\(name): \(worst)")
            #expect(activated(grid, EK_RELU) == grid.map { max(0, $0) }, "\(name)")
            #expect(activated(grid, EK_NO_ACTIVATION) == grid, "\(name)")
        }
    }

    @Test("NaN stays NaN, and infinities go where they belong")
    func specialValues() {
        onEveryLevel { name in
            let gelu = activated([.nan, .infinity, -.infinity, 1e30, -1e30], EK_GELU)
            #expect(gelu[0].isNaN && Array(gelu[1...]) == [.infinity, 0, 1e30, 0], "\(name)")
            let relu = activated([.nan, .infinity, -.infinity, 1, -1], EK_RELU)
            #expect(relu[0].isNaN && Array(relu[1...]) == [.infinity, 0, 1, 0], "\(name)")
        }
    }

    private func gelu(_ v: Double) -> Double { v / 2 * complementaryErrorFunction(-v / 2.0.squareRoot()) }
}
