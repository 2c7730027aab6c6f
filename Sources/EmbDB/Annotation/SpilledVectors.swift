internal import Foundation
internal import Numerics

/// Embeddings of a file's cells that wait on the disk until they are written: there may be more of them than memory.
final class SpilledVectors {
    let dimension: Int
    var cellCount: Int { places.count }
    private let handle: FileHandle
    private let path: String
    private let rowBytes: Int
    /// By row of the file: which of the spilled vectors is its; −1 for none.
    private var places: [Int32]
    private var count = 0

    /// - Parameter path: the file that is going to be written; the vectors lie beside it, in a file that has no name.
    /// - Throws: ``EmbDBError/Code/storage`` if nothing can be written there.
    init(beside path: String, cellCount: Int, dimension: Int) throws(EmbDBError) {
        self.path = path
        self.dimension = dimension
        rowBytes = dimension * MemoryLayout<Float>.size
        places = [Int32](repeating: -1, count: cellCount)
        let folder = URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent()
        let temporary = folder.appendingPathComponent(".embdb-partial-\(UUID().uuidString)").path
        guard FileManager.default.createFile(atPath: temporary, contents: nil),
            let handle = FileHandle(forUpdatingAtPath: temporary)
        else {
            throw EmbDBError(.storage, "cannot write there (\(path)): check the folder and its permissions")
        }
        self.handle = handle
        unlink(temporary)
    }

    deinit { try? handle.close() }

    /// Keeps the vectors of a batch.
    func add(_ batch: FileCells.Batch) throws(EmbDBError) {
        for row in batch.rows {
            places[row] = Int32(count)
            count += 1
        }
        do {
            try handle.seekToEnd()
            try handle.write(contentsOf: batch.vectors.values.withUnsafeBytes { Data($0) })
        } catch {
            throw EmbDBError(.storage, "writing failed (\(path)): is the disk full?")
        }
    }

    /// The vectors of some rows of the file [rows.count, dimension], NaN for cells that have none.
    func rows(_ rows: Range<Int>) throws -> [Float] {
        var values = [Float](repeating: .nan, count: rows.count * dimension)
        let kept = rows.filter { places[$0] >= 0 }
        // Rows ascend, and so do their places.
        guard let first = kept.first, let last = kept.last else { return values }
        let (start, end) = (Int(places[first]), Int(places[last]) + 1)
        try handle.seek(toOffset: UInt64(start * rowBytes))
        guard let data = try handle.read(upToCount: (end - start) * rowBytes), data.count == (end - start) * rowBytes
        else { throw EmbDBError(.storage, "reading what was written failed (\(path)): check the disk") }
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
