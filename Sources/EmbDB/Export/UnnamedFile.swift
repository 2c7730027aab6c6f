internal import AnnData
internal import Checkpoints
internal import Foundation

/// Bytes that wait on the disk until they are written to where they belong: there may be more of them than memory. They
/// lie beside that place, in a file that has no name and goes with its last reader.
final class UnnamedFile {
    private(set) var count = 0
    private let handle: FileHandle
    private let path: String

    /// - Parameter path: the file that is going to be written.
    /// - Throws: ``EmbDBError/Code/storage`` if nothing can be written there.
    init(beside path: String) throws(EmbDBError) {
        self.path = path
        let folder = URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent()
        let temporary = folder.appendingPathComponent(ReplacedFile.partialMark + UUID().uuidString).path
        guard let handle = FileHandle(creatingAtPath: temporary) else {
            throw EmbDBError(.storage, "cannot write there (\(path)): check the folder and its permissions")
        }
        self.handle = handle
        unlink(temporary)
    }

    deinit { try? handle.close() }

    /// Appends the elements of an array, as they lie in memory.
    func append<T: BitwiseCopyable>(_ values: [T]) throws(EmbDBError) {
        do {
            try handle.seekToEnd()
            try handle.write(contentsOf: values.withUnsafeBytes { Data($0) })
        } catch {
            throw EmbDBError(.storage, "writing failed (\(path)): is the disk full?")
        }
        count += values.count * MemoryLayout<T>.size
    }

    /// Some of the bytes that were appended.
    func read(_ range: Range<Int>) throws(EmbDBError) -> Data {
        do {
            try handle.seek(toOffset: UInt64(range.lowerBound))
            if let data = try handle.read(upToCount: range.count), data.count == range.count { return data }
        } catch {}
        throw EmbDBError(.storage, "reading what was written failed (\(path)): check the disk")
    }

    /// All that was appended, in order, a piece at a time.
    func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let step = 1 << 20
        for start in stride(from: 0, to: count, by: step) {
            try read(start..<min(count, start + step)).withUnsafeBytes { try body($0) }
        }
    }
}
