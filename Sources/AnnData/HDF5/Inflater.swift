internal import CDeflate

/// Inflates zlib streams: two to three times as fast as zlib itself. Used by one thread at a time.
struct Inflater: ~Copyable {
    private let decompressor: OpaquePointer?

    init() { decompressor = libdeflate_alloc_decompressor() }

    deinit { if let decompressor { libdeflate_free_decompressor(decompressor) } }

    /// Inflates `stream` to exactly as many bytes as `result` has; false if it is anything else.
    func inflate(_ stream: UnsafeRawBufferPointer, into result: UnsafeMutableRawBufferPointer) -> Bool {
        guard let decompressor else { return false }
        return libdeflate_zlib_decompress(
            decompressor, stream.baseAddress, stream.count, result.baseAddress, result.count, nil)
            == LIBDEFLATE_SUCCESS
    }
}
