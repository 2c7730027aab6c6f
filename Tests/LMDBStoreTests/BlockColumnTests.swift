import Glibc
import LMDBStore
import Numerics
import TestSupport
import Testing

@Suite struct BlockColumnTests {
    /// Row `row` of version `version`: bytes that differ between rows and versions.
    private func bytes(_ rows: Range<Int>, _ stride: Int, version: Int = 0) -> [UInt8] {
        rows.flatMap { row in (0..<stride).map { UInt8(truncatingIfNeeded: row &* 31 &+ $0 &* 7 &+ version &* 101) } }
    }

    private func read(_ rows: BlockRows) -> [UInt8] {
        (0..<rows.count).flatMap { Array(UnsafeRawBufferPointer(start: rows.row($0), count: rows.stride)) }
    }

    @Test(
        "Rows come back from the map, aligned to 64 bytes, for any number of rows", arguments: [1, 4, 60, 1024, 5000])
    func roundTrip(stride: Int) throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        let column = BlockColumn(name: "c", rowsPerBlock: 16, stride: stride, kind: 7)
        for count in [0, 1, 2, 15, 16, 17, 31, 32, 33, 100] {
            let expected = bytes(0..<count, stride, version: count)
            try environment.write { transaction in
                try expected.withUnsafeBytes { try column.replaceAll($0, in: &transaction) }
            }
            try environment.read { (transaction: borrowing ReadTransaction) throws in
                #expect(try column.count(in: transaction) == count)
                let rows = try column.blockRows(count: count, in: transaction)
                #expect(rows.count == count)
                #expect(rows.blocks.allSatisfy { UInt(bitPattern: $0) % 64 == 0 })
                #expect(read(rows) == expected)
                #expect(try column.verify(in: transaction) == count)
                if count > 0 {
                    let fewer = try column.blockRows(count: count - 1, in: transaction)
                    #expect(read(fewer) == Array(expected.dropLast(stride)))
                }
                #expect(
                    code { () throws(StoreError) in _ = try column.blockRows(count: count + 1, in: transaction) }
                        == .outOfRange)
            }
        }
    }

    @Test(
        "A column behaves as an array under random appends, overwrites, truncations and aborts",
        arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func randomOperations(seed: UInt64) throws {
        struct Refused: Error {}
        let folder = try TemporaryFolder()
        let path = folder.file("a.embdb")
        var random = SeededRandom(seed: seed)
        let stride = [4, 12, 257, 1024][Int(seed) % 4]
        let column = BlockColumn(name: "c", rowsPerBlock: 8 << Int(seed % 3), stride: stride, kind: 1)
        var model: [UInt8] = []
        for round in 0..<60 {
            let environment = try Environment.open(path, mode: .create)
            var next = model
            let fails = random.uniform() < 0.15
            do {
                try environment.write { transaction in
                    for step in 0..<Int(random.next() % 4 + 1) {
                        let count = next.count / stride
                        let row = Int(random.next() % UInt64(count + 1))
                        switch random.next() % 8 {
                        case 0, 1, 2:
                            let rows = bytes(count..<count + Int(random.next() % 40), stride, version: round + step)
                            try rows.withUnsafeBytes { try column.append($0, at: count, in: &transaction) }
                            next += rows
                        case 3:
                            let rows = bytes(row..<row + Int(random.next() % 40), stride, version: round + step)
                            try rows.withUnsafeBytes { try column.append($0, at: row, in: &transaction) }
                            next = Array(next.prefix(row * stride)) + rows
                        case 4, 5, 6:
                            let end = row + Int(random.next() % UInt64(count - row + 1))
                            let rows = bytes(row..<end, stride, version: round + step + 1)
                            try rows.withUnsafeBytes { try column.overwrite($0, at: row, in: &transaction) }
                            next.replaceSubrange(row * stride..<end * stride, with: rows)
                        default:
                            try column.truncate(to: row, in: &transaction)
                            next = Array(next.prefix(row * stride))
                        }
                        #expect(try column.rows(0..<next.count / stride, in: transaction) == next)
                    }
                    if fails { throw Refused() }
                }
                model = next
            } catch is Refused {}
            try environment.read { (transaction: borrowing ReadTransaction) throws in
                let count = try column.verify(in: transaction)
                #expect(count == model.count / stride)
                #expect(read(try column.blockRows(count: count, in: transaction)) == model)
                let row = Int(random.next() % UInt64(count + 1))
                #expect(try column.rows(row..<count, in: transaction) == Array(model.dropFirst(row * stride)))
            }
            try Environment.checkPages(ofFile: environment.path)
        }
    }

    @Test("Rows outside of a column and parts of rows are refused")
    func ranges() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        let column = BlockColumn(name: "c", rowsPerBlock: 4, stride: 8, kind: 1)
        let rows = bytes(0..<10, 8)
        try environment.write { transaction in
            try rows.withUnsafeBytes { raw in
                #expect(
                    code { () throws(StoreError) in try column.append(raw, at: 1, in: &transaction) } == .outOfRange)
                try column.append(raw, at: 0, in: &transaction)
                #expect(
                    code { () throws(StoreError) in try column.append(raw, at: 11, in: &transaction) } == .outOfRange)
                #expect(
                    code { () throws(StoreError) in try column.append(raw, at: -1, in: &transaction) } == .outOfRange)
                #expect(
                    code { () throws(StoreError) in try column.overwrite(raw, at: 1, in: &transaction) } == .outOfRange)
                let part = UnsafeRawBufferPointer(rebasing: raw[..<7])
                #expect(
                    code { () throws(StoreError) in try column.append(part, at: 10, in: &transaction) } == .outOfRange)
                #expect(code { () throws(StoreError) in try column.truncate(to: 11, in: &transaction) } == .outOfRange)
                #expect(
                    code { () throws(StoreError) in _ = try column.rows(5..<11, in: transaction) } == .outOfRange)
            }
            #expect(try column.rows(0..<10, in: transaction) == rows)
        }
    }

    @Test("A column read as another kind, stride or block size is damage, not garbage")
    func wrongColumn() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        let rows = bytes(0..<100, 8)
        try environment.write { transaction in
            let column = BlockColumn(name: "c", rowsPerBlock: 4, stride: 8, kind: 1)
            try rows.withUnsafeBytes { try column.append($0, at: 0, in: &transaction) }
        }
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            for (rowsPerBlock, stride, kind) in [(8, 8, 1), (4, 4, 1), (4, 8, 2)] as [(Int, Int, UInt32)] {
                let other = BlockColumn(name: "c", rowsPerBlock: rowsPerBlock, stride: stride, kind: kind)
                let error = #expect(throws: StoreError.self) { try other.blockRows(count: 10, in: transaction) }
                #expect(error?.code == .corrupted)
                #expect(error?.table == "c")
                #expect(error?.block == 0)
            }
        }
    }

    @Test("Any changed byte of a block's header or rows is found by verify; a missing block by reading")
    func damage() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        let column = BlockColumn(name: "c", rowsPerBlock: 4, stride: 16, kind: 1)
        let raw = Table<UInt32, [UInt8]>("c")
        let rows = bytes(0..<11, 16)
        try environment.write { transaction in
            try rows.withUnsafeBytes { try column.append($0, at: 0, in: &transaction) }
        }
        let whole = try #require(try environment.read { try raw.value(for: 1, in: $0) })
        // 48 bytes of header (the last 16 are reserved), 64 of rows.
        for index in Array(0..<32) + Array(48..<112) {
            var changed = whole
            changed[index] ^= 0x10
            try environment.write { try raw.put(changed, for: 1, in: &$0) }
            let error = try environment.read { (transaction: borrowing ReadTransaction) throws in
                #expect(throws: StoreError.self, "byte \(index)") { try column.verify(in: transaction) }
            }
            #expect(error?.code == .corrupted)
            #expect(error?.block == 1)
            if index < 32 {
                try environment.read { (transaction: borrowing ReadTransaction) throws in
                    #expect(
                        code { () throws(StoreError) in _ = try column.blockRows(count: 11, in: transaction) }
                            == .corrupted)
                }
            }
        }
        for broken in [Array(whole.prefix(20)), Array(whole.prefix(60)), []] {
            try environment.write { try raw.put(broken, for: 1, in: &$0) }
            try environment.read { (transaction: borrowing ReadTransaction) throws in
                #expect(
                    code { () throws(StoreError) in _ = try column.blockRows(count: 11, in: transaction) } == .corrupted
                )
                #expect(code { () throws(StoreError) in try column.verify(in: transaction) } == .corrupted)
            }
        }
        _ = try environment.write { try raw.remove(1, in: &$0) }
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            #expect(
                code { () throws(StoreError) in _ = try column.blockRows(count: 11, in: transaction) } == .corrupted)
            #expect(code { () throws(StoreError) in try column.verify(in: transaction) } == .corrupted)
            #expect(code { () throws(StoreError) in _ = try column.rows(0..<11, in: transaction) } == .corrupted)
        }
    }
}
