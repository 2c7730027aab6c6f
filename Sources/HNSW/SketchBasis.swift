internal import CKernels
internal import Numerics

/// Sketches: 56 values a row that tell most rows that are too far away without a look at their codes.
///
/// A sketch is a linear map of the decoded code onto the 56 directions in which neighbors differ most (principal
/// directions of what is left of a sample when its cluster centre is taken away), turned at random among themselves so
/// that all values are equally wide, and rounded to s8. The squared distance of two sketches is therefore a share of
/// that of their vectors, which a walk learns as it goes; see ``NearnessTest``.
///
/// The map works on codes in integers and its own making in Double, in one order: the same bytes on every machine.
package struct SketchBasis: Sendable, Equatable {
    /// Values of a sketch.
    package static let values = Int(EK_SKETCH)
    /// Bytes of a row: the values, then the two floats that stand beside the row's code, which a walk reads next.
    package static let stride = 64
    /// Rows of a table: it is stored as one value.
    private static let largestTable = 1 << 24
    /// Vectors whose code is one cache line need no sketch.
    static func isWorthwhile(_ rows: VectorRows) -> Bool {
        rows.codeStride > stride && rows.metric != .ip && rows.count > 0 && rows.count <= largestTable
    }

    /// The directions as u8 codes, 128 for 0, rows padded as codes are. [values, codeStride]
    package let directions: [UInt8]
    /// value = scale · dot · factor − offset, dot being that of direction and code.
    package let factor: Float
    /// See ``factor``. [values]
    package let offsets: [Float]
    /// Squared distance of sketches × unit = distance of vectors along the directions (1 − cosine, or squared l2).
    package let unit: Float
    /// Whether the nearest rows by sketch are the nearest ones, or nearly; see ``fidelity``.
    package let isFaithful: Bool

    /// As it is stored, little-endian: faithful (u32, 0 or 1), factor, unit, offsets (f32), directions (u8).
    package var bytes: [UInt8] {
        let numbers = [isFaithful ? 1 : 0, factor.bitPattern, unit.bitPattern] + offsets.map(\.bitPattern)
        return numbers.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } } + directions
    }

    /// A basis that was stored; nil if it is damaged or not for vectors of `dimension`.
    package init?(bytes: [UInt8], dimension: Int) {
        let numbers = 3 + Self.values
        guard bytes.count == 4 * numbers + Self.values * CodeQuantizer.codeStride(dimension: dimension) else {
            return nil
        }
        let words = bytes.withUnsafeBytes { raw in
            (0..<numbers).map { UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
        }
        isFaithful = words[0] == 1
        factor = Float(bitPattern: words[1])
        unit = Float(bitPattern: words[2])
        offsets = words[3...].map { Float(bitPattern: $0) }
        directions = Array(bytes[(4 * numbers)...])
        guard words[0] <= 1, isPossible else { return nil }
    }

    /// Whether its numbers are such as floats have: those of very short vectors are not.
    var isPossible: Bool {
        factor.isFinite && factor > 0 && unit.isFinite && unit > 0 && offsets.allSatisfy(\.isFinite)
    }

    private init(unjudged basis: SketchBasis, isFaithful: Bool) {
        directions = basis.directions
        factor = basis.factor
        offsets = basis.offsets
        unit = basis.unit
        self.isFaithful = isFaithful
    }

    /// Whether it is one for vectors of `dimension`.
    func fits(dimension: Int) -> Bool {
        directions.count == Self.values * CodeQuantizer.codeStride(dimension: dimension)
    }

    /// Learns the directions from rows and the centres of their clusters, 1 of each per row.
    ///
    /// - Parameters:
    ///   - centre: decodes the centre of the row at a position of `sample` into a buffer. [dimension]
    init(
        of sample: [UInt32], in rows: VectorRows, seed: UInt64, threads: Int,
        centre: @Sendable (Int, UnsafeMutablePointer<Double>) -> Void
    ) {
        let (count, dimension, values) = (sample.count, rows.dimension, Self.values)
        nonisolated(unsafe) let rows = rows
        let residuals = AlignedBuffer<Double>(repeating: 0, count: count * dimension)
        nonisolated(unsafe) let r = residuals.baseAddress
        Parallel.forEach(count, threads: threads, grain: 16) { index in
            let residual = r + index * dimension
            centre(index, residual)
            let (code, scale) = (rows.code(Int(sample[index])), Double(rows.scale(Int(sample[index]))[0]))
            for d in 0..<dimension { residual[d] = scale * Double(Int(code[d]) - 128) - residual[d] }
        }
        var random = SeededRandom(seed: seed &+ 2)
        var basis = OrthonormalRows(count: min(values, dimension), dimension: dimension) { random.uniform() - 0.5 }
        for _ in 0..<Self.rounds { basis.improve(r, count: count, threads: threads) }
        basis.mix(using: &random)
        let largest = basis.largest
        var directions = [UInt8](repeating: 128, count: values * rows.codeStride)
        let precision = largest > 0 ? 127 / largest : 1
        for row in 0..<basis.count {
            for d in 0..<dimension {
                let value = (basis[row, d] * precision).rounded()
                directions[row * rows.codeStride + d] = UInt8(truncatingIfNeeded: Int(value) + 128)
            }
        }
        // Where the sample lies along the directions as they are rounded, and how wide.
        var sums = [Double](repeating: 0, count: values)
        var squares = 0.0
        var query = CodedQuery()
        let dots = AlignedBuffer<Int32>(repeating: 0, count: values)
        for row in sample {
            query.set(row: Int(row), in: rows)
            Self.dots(directions, query, stride: rows.codeStride, out: dots.baseAddress)
            let scale = Double(rows.scale(Int(row))[0]) / precision
            for value in 0..<values {
                let x = scale * Double(dots.baseAddress[value])
                sums[value] += x
                squares += x * x
            }
        }
        let n = Double(max(1, count))
        let means = sums.map { $0 / n }
        let variance = squares / n - means.reduce(0) { $0 + $1 * $1 }
        let width = (max(variance, 0) / Double(basis.count)).squareRoot()
        let steps = width > 0 ? 127 / (Self.widths * width) : 1
        self.directions = directions
        factor = Float(steps / precision)
        offsets = means.map { Float($0 * steps) }
        unit = Float((rows.metric == .cosine ? 0.5 : 1) / (steps * steps))
        isFaithful = false
    }

    /// The basis, with the answer to the question whether walks may go by its sketches alone: whether of the 10 nearest
    /// of the sample by code 9 are among the 20 nearest by sketch.
    func judged(on sample: [UInt32], in rows: VectorRows, threads: Int) -> SketchBasis {
        let (queries, near, wide) = (min(64, sample.count), 10, 20)
        guard sample.count > 4 * wide else { return self }
        let table = AlignedBuffer<Int8>(repeating: 0, count: sample.count * Self.stride)
        nonisolated(unsafe) let (rows, base) = (rows, table.baseAddress)
        Parallel.forEach(sample.count, threads: threads, grain: 64, makeState: { CodedQuery() }) { query, index in
            query.set(row: Int(sample[index]), in: rows)
            encode(query, stride: rows.codeStride, base + index * Self.stride)
        }
        var found = [Int](repeating: 0, count: queries)
        found.withUnsafeMutableBufferPointer { found in
            nonisolated(unsafe) let found = found
            Parallel.forEach(queries, threads: threads, makeState: { SearchScratch() }) { scratch, number in
                let position = number * (sample.count / queries)
                scratch.query.set(row: Int(sample[position]), in: rows)
                scratch.beam.reset(limit: near)
                scratch.draft.reset(limit: wide)
                let squares = AlignedBuffer<Int32>(repeating: 0, count: sample.count)
                ek_squared_l2_s8(base + position * Self.stride, base, sample.count, squares.baseAddress)
                for index in 0..<sample.count where index != position {
                    _ = scratch.draft.insert(SketchKey.make(squares.baseAddress[index], index))
                    let row = Int(sample[index])
                    scratch.batch.append(index, code: rows.code(row), scale: rows.scale(row))
                    if scratch.batch.isFull || index == sample.count - 1 {
                        scratch.batch.flush(scratch.query, stride: rows.codeStride) { _, index, distance in
                            _ = scratch.beam.insert(SortKey.make(distance, index))
                        }
                    }
                }
                let bySketch = Set((0..<scratch.draft.count).map { SortKey.row(scratch.draft[$0]) })
                found[number] = (0..<scratch.beam.count).count { bySketch.contains(SortKey.row(scratch.beam[$0])) }
            }
        }
        let share = Double(found.reduce(0, +)) / Double(queries * near)
        return SketchBasis(unjudged: self, isFaithful: share >= Self.fidelity)
    }

    /// See ``judged(on:in:threads:)``.
    private static let fidelity = 0.9

    /// Rounds of the power iteration: the span of the leading directions is what counts, not each of them.
    private static let rounds = 5
    /// Standard deviations that an s8 reaches; values farther out are cut, which only shortens distances.
    private static let widths = 4.0

    /// Writes the sketch of the query to `out` [values].
    func encode(_ query: borrowing CodedQuery, stride: Int, _ out: UnsafeMutablePointer<Int8>) {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.values) { dots in
            guard let base = dots.baseAddress else { return }
            Self.dots(directions, query, stride: stride, out: base)
            let scale = query.scale * factor
            offsets.withUnsafeBufferPointer { offsets in
                for value in 0..<Self.values {
                    let x = scale * Float(base[value]) - offsets[value]
                    // Rounded to nearest: adding 1.5 × 2^23 leaves the integer in the low bits.
                    let bounded = max(-127, min(127, x)) + 0x1.8p23
                    out[value] = Int8(truncatingIfNeeded: Int32(bitPattern: bounded.bitPattern))
                }
            }
        }
    }

    /// Writes the row of sketches for a stored row to `out` [stride].
    func write(_ row: Int, in rows: VectorRows, _ query: inout CodedQuery, to out: UnsafeMutablePointer<Int8>) {
        query.set(row: row, in: rows)
        encode(query, stride: rows.codeStride, out)
        UnsafeMutableRawPointer(out + Self.values)
            .copyMemory(from: rows.scale(row), byteCount: CodeQuantizer.scaleStride)
    }

    private static func dots(
        _ directions: [UInt8], _ query: borrowing CodedQuery, stride: Int, out: UnsafeMutablePointer<Int32>
    ) {
        directions.withUnsafeBufferPointer { directions in
            withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: values) { pointers in
                guard let base = directions.baseAddress, let pointer = pointers.baseAddress else { return }
                for value in 0..<values { pointer[value] = base + value * stride }
                query.dots(UnsafePointer(pointer), count: values, stride: stride, out: out)
            }
        }
    }
}
