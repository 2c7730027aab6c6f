/// What the parent asks of the child process when a file is written: messages as of ``ReaderOperation``, with codes
/// that are none of its. All answers but a failure's are empty.
enum WriterOperation: UInt8 {
    /// path of a file → an empty HDF5 file in its place
    case create = 64
    /// path of a file → the file, to be changed
    case open
    /// group → the group, which must not be there
    case makeGroup
    /// object, name, whether it is a scalar, value → the attribute; one of the name is replaced
    case setAttribute
    /// dataset, element type, shape, chunk (of no dimension: the elements lie in one piece) → the dataset
    case makeDataset
    /// dataset, (offset, count) for each dimension, elements in native order
    case write
    /// dataset, (offset, count) for each dimension, texts
    case writeTexts
    /// link → removed
    case remove
    /// everything is handed over to the system, and the file closed
    case finish
}

/// The limits of writing.
enum WriterLimits {
    /// Elements of one request, bytes. Requests of more than 16 MiB are not read.
    static let slabBytes = 8 << 20
    /// The longest text, bytes: one request holds it.
    static let textBytes = 15 << 20
    /// Uncompressed bytes of a chunk.
    static let chunkBytes = 1 << 20
    /// From this size on, a dataset is stored in chunks and compressed.
    static let smallestCompressed = 1 << 16
    /// zlib's level: with the bytes shuffled, higher ones cost much more time than they save space.
    static let deflateLevel: UInt32 = 1

    /// What a request costs, in the unit of ``ReaderLimits/microseconds(fileBytes:touchedBytes:)``: 10 s, and 1 s for
    /// every 2 MB, since compressing is slow and a request may have to write what earlier ones left.
    static func touchedBytes(written: Int) -> Int { 500_000_000 + 25 * written }
}
