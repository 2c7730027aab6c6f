/// Where a chunk of a dataset lies in the file, as it is stored: compressed, as a rule.
struct ChunkPlace: Sendable {
    let offset: Int
    let size: Int
    /// Bit i: the filter i of the dataset was left out.
    let filterMask: UInt32
}

extension HDF5File {
    /// The places of the chunks `chunks` of a one-dimensional dataset, in order of their elements; nil for a chunk that
    /// was never written.
    func chunkPlaces(_ dataset: DatasetInfo, _ chunks: Range<Int>) throws(AnnDataError) -> [ChunkPlace?] {
        let end = fingerprint.size
        return try request(.chunks, dataset.path, nil, [chunks.lowerBound], [chunks.count]) { wire in
            var places: [ChunkPlace?] = []
            places.reserveCapacity(chunks.count)
            for _ in chunks {
                guard let offset = wire.take(UInt64.self), let size = wire.take(UInt64.self),
                    let mask = wire.take(UInt32.self)
                else { return nil }
                let isInside = offset <= end && size <= UInt64(end) - offset
                places.append(isInside ? ChunkPlace(offset: Int(offset), size: Int(size), filterMask: mask) : nil)
            }
            return places
        }
    }
}
