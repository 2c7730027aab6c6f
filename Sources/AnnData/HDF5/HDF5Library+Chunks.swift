internal import CHDF5

extension HDF5Library {
    /// H5Z_FILTER_SHUFFLE and H5Z_FILTER_DEFLATE.
    private static let shuffle: H5Z_filter_t = 2
    private static let deflate: H5Z_filter_t = 1

    /// Whether the parent can take a dataset's chunks from the file itself: they are lists of elements as they are in
    /// memory, behind no other filters than deflate and shuffle.
    func hasDirectChunks(_ properties: hid_t, _ fileType: hid_t, memoryType: hid_t?) -> Bool {
        guard let memoryType, H5Tequal(fileType, memoryType) > 0 else { return false }
        let filters = (0..<UInt32(max(0, H5Pget_nfilters(properties)))).map { index in
            var flags: UInt32 = 0
            var valueCount = 0
            return H5Pget_filter2(properties, index, &flags, &valueCount, nil, 0, nil, nil)
        }
        return filters == [Self.deflate] || filters == [Self.shuffle, Self.deflate]
    }

    /// Address, size and filter mask of `count` chunks from the chunk `first` on; an address beyond all files where there
    /// is none.
    mutating func chunks(_ path: String, first: Int, count: Int, _ answer: inout WireWriter) throws(ReaderFailure) {
        let dataset = try openDataset(path, "")
        guard dataset.hasDirectChunks, let length = dataset.shape.first, let side = dataset.chunk.first else {
            throw ReaderFailure(.unsupported, "is not read by chunks")
        }
        guard first >= 0, count >= 0, count <= ReaderLimits.chunksAtOnce, first <= (length + side - 1) / side - count
        else { throw ReaderFailure(.inconsistent, "has not got so many chunks") }
        if finder == nil { finder = ChunkFinder(name) }
        guard finder != nil else { throw Self.failure("its chunks cannot be found") }
        for chunk in first..<first + count {
            let place = finder?.find(path, start: chunk * side)
            answer.put(UInt64(place?.offset ?? .max))
            answer.put(UInt64(place?.size ?? 0))
            answer.put(place?.filterMask ?? 0)
        }
    }
}
