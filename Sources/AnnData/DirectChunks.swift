internal import Glibc

/// Some consecutive chunks of a one-dimensional dataset, read from the file itself and inflated by several threads, while
/// the reader process only says where they lie.
struct DirectChunks: Sendable {
    let dataset: DatasetInfo
    private let side: Int
    private let chunkBytes: Int
    private let isShuffled: Bool
    /// The inflated chunks ``held``, one after another.
    private var memory: [UInt8] = []
    private var held = 0..<0
    /// Of the chunks ``placed``.
    private var places: [ChunkPlace?] = []
    private var placed = 0..<0

    /// Larger ones are left to the reader process, whose memory is limited.
    private static let largestChunk = 8 << 20

    /// nil for a dataset that has to be read by requests.
    init?(_ dataset: DatasetInfo) {
        guard dataset.hasDirectChunks, dataset.shape.count == 1, let side = dataset.chunk.first, side > 0,
            side <= Self.largestChunk / max(1, dataset.type.size)
        else { return nil }
        self.dataset = dataset
        self.side = side
        chunkBytes = side * dataset.type.size
        isShuffled = dataset.filters.first == "shuffle"
    }

    /// Makes room for the chunks of `elements`, keeps those of them that are there, and returns the others; nil where these
    /// cannot be found. Until they are filled the elements must not be read.
    mutating func hold(_ elements: Range<Int>, _ file: HDF5File) -> Range<Int>? {
        let wanted = elements.lowerBound / side..<(elements.upperBound + side - 1) / side
        if memory.count < wanted.count * chunkBytes {
            memory.append(contentsOf: repeatElement(0, count: wanted.count * chunkBytes - memory.count))
        }
        var missing = wanted
        if held.contains(wanted.lowerBound) {
            let kept = wanted.lowerBound..<min(held.upperBound, wanted.upperBound)
            let start = (kept.lowerBound - held.lowerBound) * chunkBytes
            memory.withUnsafeMutableBytes { bytes in
                bytes.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + kept.count * chunkBytes]))
            }
            missing = kept.upperBound..<wanted.upperBound
        }
        held = wanted
        if !missing.isEmpty, missing.lowerBound < placed.lowerBound || missing.upperBound > placed.upperBound {
            let last = (dataset.count + side - 1) / side
            let asked = missing.lowerBound..<max(missing.upperBound, min(last, missing.lowerBound + 1024))
            guard asked.count <= ReaderLimits.chunksAtOnce, let found = try? file.chunkPlaces(dataset, asked) else {
                drop()
                return nil
            }
            (placed, places) = (asked, found)
        }
        return missing
    }

    /// Forgets all chunks: what was to be filled was not.
    mutating func drop() { held = 0..<0 }

    /// The bytes of the elements `range`, which are held; where there are none they need not be anywhere.
    func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        if range.isEmpty { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let first = held.lowerBound * side
        precondition(
            range.lowerBound >= first && range.upperBound <= held.upperBound * side, "elements that are not held")
        let size = dataset.type.size
        return memory.withUnsafeBytes { bytes in
            body(
                UnsafeRawBufferPointer(
                    rebasing: bytes[(range.lowerBound - first) * size..<(range.upperBound - first) * size]))
        }
    }

    /// What fills chunks, on several threads at once while the value itself is not touched.
    mutating func withFiller(_ body: (Filler) -> Void) {
        memory.withUnsafeMutableBytes { bytes in
            body(
                Filler(
                    memory: bytes, first: held.lowerBound, chunkBytes: chunkBytes, places: places,
                    firstPlaced: placed.lowerBound, shuffledSize: isShuffled ? dataset.type.size : nil))
        }
    }

    struct Filler: @unchecked Sendable {
        // Unchecked: every chunk has its own memory.

        fileprivate let memory: UnsafeMutableRawBufferPointer
        fileprivate let first: Int
        fileprivate let chunkBytes: Int
        fileprivate let places: [ChunkPlace?]
        fileprivate let firstPlaced: Int
        /// Bytes of an element, whose first bytes, second bytes… lie together in the file; nil where they do not.
        fileprivate let shuffledSize: Int?

        /// Memory of one thread.
        struct Scratch: ~Copyable {
            fileprivate let inflater = Inflater()
            fileprivate var stored: [UInt8] = []
            fileprivate var shuffled: [UInt8] = []
        }

        /// Reads and inflates one chunk; false where that cannot be done.
        func fill(_ chunk: Int, from descriptor: Int32, _ scratch: inout Scratch) -> Bool {
            guard let place = places[chunk - firstPlaced], place.filterMask == 0 else { return false }
            let start = (chunk - first) * chunkBytes
            let target = UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + chunkBytes])
            // No stream is longer than what it holds by more than some bytes for every 32 KiB of it.
            guard place.size <= chunkBytes + chunkBytes / 64 + 1024 else { return false }
            if scratch.stored.count < place.size { scratch.stored = [UInt8](repeating: 0, count: place.size) }
            let isRead = scratch.stored.withUnsafeMutableBytes { bytes in
                readFully(descriptor, UnsafeMutableRawBufferPointer(rebasing: bytes[0..<place.size]), at: place.offset)
            }
            guard isRead else { return false }
            guard let size = shuffledSize, size > 1 else {
                return scratch.stored.withUnsafeBytes {
                    scratch.inflater.inflate(UnsafeRawBufferPointer(rebasing: $0[0..<place.size]), into: target)
                }
            }
            if scratch.shuffled.count < chunkBytes { scratch.shuffled = [UInt8](repeating: 0, count: chunkBytes) }
            let isWhole = scratch.shuffled.withUnsafeMutableBytes { shuffled in
                scratch.stored.withUnsafeBytes { stored in
                    scratch.inflater.inflate(
                        UnsafeRawBufferPointer(rebasing: stored[0..<place.size]),
                        into: UnsafeMutableRawBufferPointer(rebasing: shuffled[0..<chunkBytes]))
                }
            }
            guard isWhole else { return false }
            let count = chunkBytes / size
            scratch.shuffled.withUnsafeBytes { shuffled in
                for byte in 0..<size {
                    for index in 0..<count { target[index * size + byte] = shuffled[byte * count + index] }
                }
            }
            return true
        }
    }
}
