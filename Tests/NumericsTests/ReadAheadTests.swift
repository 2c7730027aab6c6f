import Numerics
import Synchronization
import Testing

@Suite struct ReadAheadTests {
    @Test("elements come in their order, one is made ahead and no more, and after the last there is nil")
    func order() throws {
        let made = Mutex(0)
        let numbers = ReadAhead(0) { (next: inout Int) -> Int? in
            guard next < 5 else { return nil }
            next += 1
            made.withLock { $0 = next }
            return next
        }
        for expected in 1...5 {
            #expect(try numbers.next() == expected)
            #expect(made.withLock { $0 } <= expected + 1)
        }
        for _ in 0..<3 { #expect(try numbers.next() == nil) }
    }

    @Test("an error comes at its place, once, and ends it")
    func error() throws {
        struct Stop: Error {}
        let numbers = ReadAhead(0) { (next: inout Int) throws -> Int? in
            next += 1
            if next == 3 { throw Stop() }
            return next
        }
        #expect(try numbers.next() == 1)
        #expect(try numbers.next() == 2)
        #expect(throws: Stop.self) { try numbers.next() }
        #expect(try numbers.next() == nil)
    }

    @Test("one that is left before its end holds nothing up")
    func abandoned() throws {
        for _ in 0..<100 {
            let numbers = ReadAhead(0) { (next: inout Int) -> Int? in
                next += 1
                return next
            }
            #expect(try numbers.next() == 1)
        }
    }
}
