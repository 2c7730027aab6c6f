internal import CHDF5

/// Memory for texts as HDF5 hands them over: pointers (variable length) or padded bytes (fixed length).
struct TextElements {
    let type: hid_t
    let count: Int
    let size: Int
    let isVariable: Bool
    let memory: UnsafeMutableRawBufferPointer

    /// Nil if that is more than one answer holds.
    init?(type: hid_t, count: Int) {
        self.type = type
        self.count = count
        size = H5Tget_size(type)
        isVariable = H5Tis_variable_str(type) > 0
        let (bytes, overflow) = size.multipliedReportingOverflow(by: count)
        guard size > 0, !overflow, bytes <= ReaderLimits.answerBytes else { return nil }
        memory = .allocate(byteCount: max(8, bytes), alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Appends the texts, without the padding of fixed lengths (nul or blank).
    func put(_ answer: inout WireWriter) throws(ReaderFailure) {
        let isBlankPadded = !isVariable && H5Tget_strpad(type) == H5T_STR_SPACEPAD
        for index in 0..<count {
            if isVariable {
                let text = memory.load(fromByteOffset: index * size, as: UnsafePointer<CChar>?.self)
                if let text {
                    var length = 0
                    while text[length] != 0 { length += 1 }
                    answer.put(UnsafeRawBufferPointer(start: text, count: length))
                } else {
                    answer.put("")
                }
            } else {
                var bytes = memory[index * size..<(index + 1) * size].prefix { $0 != 0 }
                if isBlankPadded {
                    while bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
                }
                answer.put(bytes)
            }
            guard answer.bytes.count <= ReaderLimits.answerBytes else {
                throw ReaderFailure(.tooLarge, "its texts are too long")
            }
        }
    }

    func free(space: hid_t) {
        if isVariable, count > 0 { H5Dvlen_reclaim(type, space, 0, memory.baseAddress) }
        memory.deallocate()
    }
}
