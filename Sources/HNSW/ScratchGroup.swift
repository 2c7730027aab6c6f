/// Some ``SearchScratch``es of one thread.
struct ScratchGroup: ~Copyable {
    let count: Int
    private let scratches: UnsafeMutablePointer<SearchScratch>

    init(count: Int) {
        self.count = count
        scratches = .allocate(capacity: count)
        for index in 0..<count { (scratches + index).initialize(to: SearchScratch()) }
    }

    deinit {
        scratches.deinitialize(count: count)
        scratches.deallocate()
    }

    subscript(index: Int) -> SearchScratch {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < count, "no such scratch")
            return UnsafePointer(scratches + index)
        }
        @inline(__always) nonmutating unsafeMutableAddress {
            precondition(index >= 0 && index < count, "no such scratch")
            return scratches + index
        }
    }

    /// Exchanges two of them.
    func swap(_ a: Int, _ b: Int) {
        guard a != b else { return }
        let first = (scratches + a).move()
        (scratches + a).initialize(to: (scratches + b).move())
        (scratches + b).initialize(to: first)
    }
}
