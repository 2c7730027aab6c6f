internal import Foundation
internal import Numerics

/// Embeddings of a file's cells that wait on the disk until they are written: there may be more of them than memory.
final class SpilledVectors {
    let dimension: Int
    var cellCount: Int { places.count }
    private let file: UnnamedFile
    private let rowBytes: Int
    /// By row of the file: which of the spilled vectors is its; −1 for none.
    private var places: [Int32]
    private var count = 0

    /// - Parameter path: the file that is going to be written; the vectors lie beside it.
    /// - Throws: ``EmbDBError/Code/storage`` if nothing can be written there.
    init(beside path: String, cellCount: Int, dimension: Int) throws(EmbDBError) {
        self.dimension = dimension
        rowBytes = dimension * MemoryLayout<Float>.size
        places = [Int32](repeating: -1, count: cellCount)
        file = try UnnamedFile(beside: path)
    }

    /// Keeps the vectors of a batch.
    func add(_ batch: FileCells.Batch) throws(EmbDBError) {
        for row in batch.rows {
            places[row] = Int32(count)
            count += 1
        }
        try file.append(batch.vectors.values)
    }

    /// The vectors of some rows of the file [rows.count, dimension], NaN for cells that have none.
    func rows(_ rows: Range<Int>) throws -> [Float] {
        var values = [Float](repeating: .nan, count: rows.count * dimension)
        let kept = rows.filter { places[$0] >= 0 }
        // Rows ascend, and so do their places.
        guard let first = kept.first, let last = kept.last else { return values }
        let (start, end) = (Int(places[first]), Int(places[last]) + 1)
        let data = try file.read(start * rowBytes..<end * rowBytes)
        data.withUnsafeBytes { source in
            values.withUnsafeMutableBytes { target in
                for row in kept {
                    let piece = (Int(places[row]) - start) * rowBytes
                    UnsafeMutableRawBufferPointer(
                        rebasing: target[(row - rows.lowerBound) * rowBytes..<(row - rows.lowerBound + 1) * rowBytes]
                    ).copyMemory(from: UnsafeRawBufferPointer(rebasing: source[piece..<piece + rowBytes]))
                }
            }
        }
        return values
    }
}
