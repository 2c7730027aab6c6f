/// What the parent asks of the reader process: a message is its length (UInt32), the operation (UInt8), then the
/// operands: an element, the member of a table (empty for none), offset and count per dimension; an answer is its length, a status (UInt8), then the payload or, after a failure, a text.
enum ReaderOperation: UInt8 {
    /// path → nothing
    case open = 1
    /// group → (name, kind)…
    case list
    /// object → (name, values)…
    case attributes
    /// dataset, member → `DatasetInfo`
    case describe
    /// dataset, member, offset, count (one per dimension) → elements in native order
    case read
    /// dataset, member, offset, count → texts
    case readStrings
    /// dataset → the names of its type's members, none if it is no table
    case members
    /// one-dimensional dataset, empty member, first chunk and number of chunks → (address, size, filter mask)…
    case chunks
}

package enum ReaderStatus: UInt8, Sendable {
    case done, failed, missing, unsupported, tooLarge, inconsistent
}

/// The limits of the reader process and of a single request.
enum ReaderLimits {
    /// Names the descriptor on which a process started as a reader finds its parent.
    static let environmentName = "EMBDB_HDF5_READER"
    /// The reader's end of the socket.
    static let descriptor: Int32 = 3
    /// What the reader says first.
    static let greeting: [UInt8] = Array("embdb-hdf5-1".utf8)

    /// Largest payload of one answer, bytes. Callers read more in slices.
    static let answerBytes = 64 << 20
    /// Bytes of elements for one byte of the file, at most: deflate reaches 1,032, other filters more on constant data.
    static let inflation = 1 << 14
    /// Largest HDF5 chunk, bytes: reading one element inflates its whole chunk.
    static let chunkBytes = 1 << 30
    /// Memory for the inflated chunks of one dataset, bytes: a row of chunks where it fits, always one chunk.
    static let chunkCacheBytes = 512 << 20
    /// Chunks whose places are asked for at once.
    static let chunksAtOnce = 1 << 16
    /// Address space on top of what the process has when it starts, bytes.
    static let addressSpace = 4 << 30
    /// Links of one group, attributes of one object.
    static let names = 1 << 20
    /// Elements of one attribute.
    static let attributeElements = 1 << 20

    /// CPU time of one request, microseconds: half a second, 1 s for every GB of the file (up to 10 s: the indexes of
    /// its chunks are that large), and 1 s for every 50 MB that HDF5 has to inflate or copy. CPU time, so that a slow
    /// disk is no hang.
    static func microseconds(fileBytes: Int, touchedBytes: Int) -> Int {
        500_000 + min(fileBytes / 1_000, 10_000_000) + touchedBytes / 50
    }
}
