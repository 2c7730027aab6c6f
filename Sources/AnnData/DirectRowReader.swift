internal import Glibc
internal import Numerics
internal import Synchronization

/// Rows of a csr_matrix whose chunks are read and inflated here, by several threads. What it meets that is not as it
/// should be it leaves to ``CompressedRowReader``, which says what it is and where.
struct DirectRowReader: Sendable {
    private let file: HDF5File
    private let parts: CountLayer.SparseParts
    /// Entries that are held at once.
    private let slice: Int
    private let columnCount: Int
    private let descriptor: FileDescriptor
    private let decoder: EntryDecoder
    private var indices: DirectChunks
    private var data: DirectChunks
    private var offsets: [Int] = []

    /// An open file.
    private final class FileDescriptor: Sendable {
        let number: Int32

        /// nil where the file is not the one that was opened before.
        init?(_ path: String, _ fingerprint: FileFingerprint) {
            number = open(path, O_RDONLY | O_CLOEXEC)
            guard number >= 0 else { return nil }
            var info = stat()
            guard fstat(number, &info) == 0, FileFingerprint(info) == fingerprint else { return nil }
        }

        deinit { if number >= 0 { close(number) } }
    }

    /// nil where the matrix has to be read by requests.
    init?(_ layer: CountLayer, _ parts: CountLayer.SparseParts, _ rule: CountRule, slice: Int) {
        guard let file = layer.elements as? HDF5File, let indices = DirectChunks(parts.indices),
            let data = DirectChunks(parts.data), let decoder = EntryDecoder(layer, parts, rule),
            let descriptor = FileDescriptor(file.path, file.fingerprint)
        else { return nil }
        self.file = file
        self.parts = parts
        // More than a request takes: here, every slice has the threads wait for one another.
        self.slice = 2 * slice
        columnCount = layer.storedColumnCount
        self.descriptor = descriptor
        self.decoder = decoder
        self.indices = indices
        self.data = data
    }

    /// Room for one row's entries as they are decoded.
    private struct Row<State: ~Copyable>: ~Copyable {
        var state: State
        let columns: AlignedBuffer<Int32>
        let counts: AlignedBuffer<Double>
    }

    /// As ``CountReader/forEachRow(_:threads:makeState:_:)``; false where something is not as it should be.
    mutating func forEachRow<State: ~Copyable>(
        _ rows: Range<Int>, threads: Int, makeState: @Sendable () -> State,
        _ body: @Sendable (inout State, Int, Span<Int32>, Span<Double>) -> Void
    ) throws(AnnDataError) -> Bool {
        if rows.isEmpty { return true }
        try parts.readOffsets(file, rows.lowerBound..<rows.upperBound + 1, into: &offsets)
        let longest = zip(offsets, offsets.dropFirst()).reduce(0) { max($0, $1.1 - $1.0) }
        // A longer one has a column twice.
        guard longest <= columnCount else { return false }
        var first = 0
        while first < rows.count {
            var end = first + 1
            while end < rows.count, offsets[end + 1] - offsets[first] <= slice { end += 1 }
            guard fill(offsets[first]..<offsets[end], threads: threads),
                forEachHeld(first..<end, threads: threads, longest, makeState, body)
            else { return false }
            first = end
        }
        return true
    }

    /// The rows, by their place in `offsets`, whose entries are held.
    private func forEachHeld<State: ~Copyable>(
        _ rows: Range<Int>, threads: Int, _ longest: Int, _ makeState: @Sendable () -> State,
        _ body: @Sendable (inout State, Int, Span<Int32>, Span<Double>) -> Void
    ) -> Bool {
        let (offsets, decoder) = (offsets, decoder)
        let start = offsets[rows.lowerBound]
        let isDone = Atomic(true)
        indices.withBytes(start..<offsets[rows.upperBound]) { indices in
            data.withBytes(start..<offsets[rows.upperBound]) { values in
                // Read by all threads, written by none.
                nonisolated(unsafe) let (indices, values) = (indices, values)
                Parallel.forEach(
                    rows.count, threads: threads, grain: 8,
                    makeState: {
                        Row(
                            state: makeState(), columns: AlignedBuffer(repeating: 0, count: longest),
                            counts: AlignedBuffer(repeating: 0, count: longest))
                    }
                ) { room, index in
                    let row = rows.lowerBound + index
                    let entries = offsets[row] - start..<offsets[row + 1] - start
                    guard
                        let count = decoder.decode(indices, values, entries, room.columns.pointer, room.counts.pointer)
                    else { return isDone.store(false, ordering: .relaxed) }
                    let columns = UnsafeBufferPointer(room.columns.pointer).span.extracting(first: count)
                    let counts = UnsafeBufferPointer(room.counts.pointer).span.extracting(first: count)
                    body(&room.state, row, columns, counts)
                }
            }
        }
        return isDone.load(ordering: .relaxed)
    }

    /// Makes the chunks of `entries` be there.
    private mutating func fill(_ entries: Range<Int>, threads: Int) -> Bool {
        if entries.isEmpty { return true }
        guard let newIndices = indices.hold(entries, file), let newData = data.hold(entries, file) else {
            indices.drop()
            data.drop()
            return false
        }
        let isDone = Atomic(true)
        let descriptor = descriptor.number
        indices.withFiller { indices in
            data.withFiller { data in
                Parallel.forEach(
                    newIndices.count + newData.count, threads: threads, makeState: DirectChunks.Filler.Scratch.init
                ) {
                    scratch, task in
                    let isFilled =
                        task < newIndices.count
                        ? indices.fill(newIndices.lowerBound + task, from: descriptor, &scratch)
                        : data.fill(newData.lowerBound + task - newIndices.count, from: descriptor, &scratch)
                    if !isFilled { isDone.store(false, ordering: .relaxed) }
                }
            }
        }
        guard isDone.load(ordering: .relaxed) else {
            indices.drop()
            data.drop()
            return false
        }
        return true
    }
}
