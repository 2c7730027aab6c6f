/// Uninitialised-on-request memory on a 64-byte boundary (a cache line), owned by one value and freed with it.
///
/// The border to C and the kernels: `baseAddress` is valid while the buffer lives.
package struct AlignedBuffer<Element: BitwiseCopyable>: ~Copyable {
    package let baseAddress: UnsafeMutablePointer<Element>
    package let count: Int

    /// `count` elements set to `value`.
    package init(repeating value: Element, count: Int) {
        precondition(count >= 0, "a buffer has no negative size")
        let bytes = max(1, count) * MemoryLayout<Element>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        let base = raw.bindMemory(to: Element.self, capacity: max(1, count))
        // By whole words of memory: a loop over elements that the compiler cannot specialise takes seconds for a
        // model's weights.
        withUnsafeBytes(of: value) { pattern in
            if pattern.allSatisfy({ $0 == pattern.first }) {
                raw.initializeMemory(as: UInt8.self, repeating: pattern.first ?? 0, count: bytes)
            } else {
                base.initialize(repeating: value, count: count)
            }
        }
        baseAddress = base
        self.count = count
    }

    deinit { UnsafeMutableRawPointer(baseAddress).deallocate() }

    package var pointer: UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: baseAddress, count: count)
    }

    package subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "index outside of the buffer")
            return baseAddress[index]
        }
        set {
            precondition(index >= 0 && index < count, "index outside of the buffer")
            baseAddress[index] = newValue
        }
    }
}
