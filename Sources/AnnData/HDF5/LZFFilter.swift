internal import CHDF5

/// The filter "lzf" that h5py brings along (number 32000), for reading: libhdf5 does not have it.
///
/// Format of a block: http://oldhome.schmorp.de/marc/liblzf.html. A control byte below 32 is followed by that many
/// bytes plus one as they are; another one repeats earlier bytes: its upper three bits (7: plus the next byte) plus 2
/// are the length, its lower five and a byte say how far back, from 0.
enum LZFFilter {
    static let number: H5Z_filter_t = 32000
    private static let name: StaticString = "lzf"

    /// Makes the filter known to libhdf5.
    static func register() {
        var description = H5Z_class2_t()
        description.version = 1
        description.id = number
        description.decoder_present = 1
        // libhdf5 keeps the pointer.
        description.name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        description.filter = { flags, _, _, length, capacity, buffer in
            guard flags & 0x100 != 0, let buffer, let capacity, let start = buffer.pointee else { return 0 }
            let block = UnsafeRawBufferPointer(start: start, count: length)
            guard let size = LZFFilter.decodedSize(block), size > 0, size <= ReaderLimits.chunkBytes,
                let memory = H5allocate_memory(size, false)
            else { return 0 }
            guard LZFFilter.decode(block, into: UnsafeMutableRawBufferPointer(start: memory, count: size)) else {
                H5free_memory(memory)
                return 0
            }
            H5free_memory(start)
            buffer.pointee = memory
            capacity.pointee = size
            return size
        }
        _ = withUnsafePointer(to: &description) { H5Zregister($0) }
    }

    /// Bytes that `block` decodes to; nil if it ends in the middle.
    static func decodedSize(_ block: UnsafeRawBufferPointer) -> Int? {
        var size = 0
        var position = 0
        while position < block.count {
            let control = Int(block[position])
            position += 1
            if control < 32 {
                position += control + 1
                size += control + 1
            } else {
                var length = control >> 5
                if length == 7 {
                    guard position < block.count else { return nil }
                    length += Int(block[position])
                    position += 1
                }
                position += 1
                size += length + 2
            }
        }
        return position == block.count ? size : nil
    }

    /// Decodes `block` into `output`, which has its decoded size; false if it refers to what is not there.
    static func decode(_ block: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
        var position = 0
        var end = 0
        while position < block.count {
            let control = Int(block[position])
            position += 1
            if control < 32 {
                let length = control + 1
                guard position + length <= block.count, end + length <= output.count else { return false }
                for offset in 0..<length { output[end + offset] = block[position + offset] }
                position += length
                end += length
                continue
            }
            var length = control >> 5
            if length == 7 {
                guard position < block.count else { return false }
                length += Int(block[position])
                position += 1
            }
            length += 2
            guard position < block.count else { return false }
            let source = end - ((control & 31) << 8 | Int(block[position])) - 1
            position += 1
            guard source >= 0, end + length <= output.count else { return false }
            // Byte by byte: the two may overlap.
            for offset in 0..<length { output[end + offset] = output[source + offset] }
            end += length
        }
        return end == output.count
    }
}
