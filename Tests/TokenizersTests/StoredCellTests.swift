import Numerics
import Testing
import Tokenizers

private func read(_ bytes: [UInt8], vocabularyCount: Int = 1 << 20) throws -> RankedCell {
    var cell = RankedCell()
    try StoredCell.read(bytes.span.bytes, vocabularyCount: vocabularyCount, into: &cell)
    return cell
}

struct StoredCellTests {
    private static func random(_ random: inout SeededRandom) -> RankedCell {
        let count = Int.random(in: 0...300, using: &random)
        let isWide = Bool.random(using: &random)
        let kind = Int.random(in: 0..<3, using: &random)
        var cell = RankedCell()
        for _ in 0..<count {
            cell.tokens.append(UInt32.random(in: 0..<(isWide ? 1 << 20 : 1 << 16), using: &random))
            let value =
                switch kind {
                case 0: Double(1 + random.next() >> Int.random(in: 11..<64, using: &random))
                case 1: Double(Float.random(in: 0.001...1000, using: &random))
                default: Double.random(in: 1e-300...1e300, using: &random)
                }
            cell.counts.append(value)
        }
        cell.total = Bool.random(using: &random) ? Double(count) : random.uniform() * 1e6
        return cell
    }

    @Test("random cells are read back exactly")
    func roundTrips() throws {
        var random = SeededRandom(seed: 1)
        for _ in 0..<500 {
            let cell = Self.random(&random)
            var bytes: [UInt8] = []
            bytes += StoredCell.bytes(cell)
            #expect(try read(bytes) == cell)
        }
    }

    @Test("the bytes are those of the documented format")
    func layout() throws {
        var bytes: [UInt8] = []
        bytes += StoredCell.bytes(RankedCell(tokens: [0x0102, 3], counts: [300, 1], total: 301))
        #expect(bytes == [1, 0, 0xAD, 2, 2, 2, 1, 3, 0, 0xAC, 2, 1])
        bytes = []
        bytes += StoredCell.bytes(RankedCell(tokens: [0x01_0000], counts: [0.5], total: 0.5))
        #expect(bytes == [1, 0b1011, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 1, 0, 0, 1, 0, 0, 0, 0, 0x3F])
    }

    @Test("bytes that end early or go on are errors, and leave an empty cell")
    func truncation() throws {
        var random = SeededRandom(seed: 2)
        for _ in 0..<20 {
            var bytes: [UInt8] = []
            bytes += StoredCell.bytes(Self.random(&random))
            for length in 0..<bytes.count {
                var cell = RankedCell(tokens: [1], counts: [1], total: 1)
                #expect(throws: TokenizerError.self) {
                    try StoredCell.read(
                        bytes.span.extracting(first: length).bytes, vocabularyCount: 1 << 20, into: &cell)
                }
                #expect(cell == RankedCell())
            }
            #expect(throws: TokenizerError.self) { try read(bytes + [0]) }
        }
    }

    @Test("changed bytes give a sound cell or an error")
    func mutation() throws {
        var random = SeededRandom(seed: 3)
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            bytes += StoredCell.bytes(Self.random(&random))
            bytes[Int.random(in: 0..<min(bytes.count, 24), using: &random)] = UInt8.random(in: 0...255, using: &random)
            guard let cell = try? read(bytes, vocabularyCount: 1 << 16) else { continue }
            #expect(cell.tokens.count == cell.counts.count)
            #expect(cell.tokens.allSatisfy { $0 < 1 << 16 })
            #expect(cell.counts.allSatisfy { $0 > 0 && $0.isFinite })
        }
    }

    @Test(
        "a claimed length, an unknown format and a foreign token are named",
        arguments: [
            ([1, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F] as [UInt8], "genes"),
            ([2, 0, 1, 0], "format is 2"),
            ([1, 16, 1, 0], "flags"), ([1, 6, 1, 0], "flags"), ([1, 0, 1, 1, 9, 0, 1], "token 9"),
            ([1, 0, 1, 1, 4, 0, 0], "count is 0"), ([1, 8, 0, 0, 0, 0, 0, 0, 0xF0, 0x7F, 0], "total"),
            ([1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0], "too long"),
        ])
    func errors(bytes: [UInt8], part: String) throws {
        let error = try #require(throws: TokenizerError.self) { try read(bytes, vocabularyCount: 5) }
        #expect(error.code == .malformedCell)
        #expect(error.detail.contains(part), "\(error)")
    }
}
