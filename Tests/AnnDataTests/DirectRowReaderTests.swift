import AnnData
import Synchronization
import Testing

/// Rows whose chunks are inflated here, beside the same rows by requests to the reader process.
@Suite struct DirectRowReaderTests {
    /// The rows as ``CountReader/forEachRow(_:threads:makeState:_:)`` gives them, and how many of them came directly.
    private func rows(
        _ name: String, _ ranges: [Range<Int>], rule: CountRule = .counts, entriesAtOnce: Int = 1 << 20,
        threads: Int = 2
    ) throws(AnnDataError) -> (rows: [[Int32: Double]], direct: Int) {
        var reader = try CellFile(path: Fixture.path(name)).countReader(
            layer: "X", rule: rule, entriesAtOnce: entriesAtOnce)
        var all: [[Int32: Double]] = []
        for range in ranges {
            let found = Mutex([[Int32: Double]](repeating: [:], count: range.count))
            try reader.forEachRow(range, threads: threads, makeState: {}) { (_: inout Void, index, columns, counts) in
                var row: [Int32: Double] = [:]
                var isAscending = true
                for entry in columns.indices {
                    if entry > 0, columns[entry - 1] >= columns[entry] { isAscending = false }
                    row[columns[entry]] = counts[entry]
                }
                // A row out of order is told from any that is expected.
                if !isAscending { row[-1] = 0 }
                found.withLock { $0[index] = row }
            }
            all += found.withLock { $0 }
        }
        return (all, reader.directRows)
    }

    @Test(
        "types, filters and what finds the chunks: the same rows, in any order of ranges, however many entries are held",
        arguments: [
            "direct_f4_i4", "direct_f8_i8_shuffle", "direct_i4_i4_shuffle", "direct_i8_i8", "direct_u2_i4_shuffle",
            "direct_v110", "direct_userblock", "direct_unsorted", "csr_float32_gzip", "csr_int64_gzip",
        ])
    func layouts(name: String) throws {
        // Cell 4 is empty: alone, it needs no chunk, whichever are there.
        let ranges = [4..<5, 0..<23, 5..<9, 6..<23, 0..<3, 4..<5, 3..<4, 7..<7, 22..<23, 4..<5]
        let expected = ranges.flatMap { Fixture.rows($0) }
        for (entries, threads) in [(1 << 20, 2), (1, 1), (9, 3), (40, 2)] {
            let found = try rows(name, ranges, entriesAtOnce: entries, threads: threads)
            #expect(found.rows == expected, "\(entries) entries at once")
            #expect(found.direct == expected.count)
        }
    }

    @Test("zeros are dropped, and a chunk that was never written is the fill value, by request")
    func zeros() throws {
        let found = try rows("direct_zeros", [0..<23])
        let stored = Fixture.rows(0..<23).reduce(0) { $0 + $1.count }
        #expect(found.rows.reduce(0) { $0 + $1.count } == stored / 2)
        #expect(found.rows.allSatisfy { $0.values.allSatisfy { $0 > 0 } })
        #expect(found.direct == 23)
        let unwritten = try rows("direct_unwritten", [0..<23])
        #expect(unwritten.rows.flatMap(\.values).filter { $0 == 2 }.count >= 7)
        #expect(unwritten.direct == 0)
    }

    @Test(
        "matrices in other layouts, and in chunks that are not read directly, give the same",
        arguments: ["csc_float32_gzip", "dense_int32_gzip", "csr_float32_plain", "csr_chunks", "csr_uint8"])
    func others(name: String) throws {
        let found = try rows(name, [0..<23, 4..<11])
        #expect(found.rows == Fixture.rows(0..<23) + Fixture.rows(4..<11))
        #expect(found.direct == 0)
    }

    @Test("genes of another matrix, and values that are no counts")
    func layers() throws {
        let file = try CellFile(path: Fixture.path("frames"))
        for (layer, rule, factor) in [("raw/X", CountRule.counts, 1.0), ("X", .normalized, 0.5)] {
            var reader = try file.countReader(layer: layer, rule: rule)
            let sum = Mutex(0.0)
            try reader.forEachRow(0..<23, threads: 2, makeState: {}) { (_: inout Void, _, _, counts) in
                var part = 0.0
                for entry in counts.indices { part += counts[entry] }
                sum.withLock { $0 += part }
            }
            let genes = Fixture.genes + (layer == "X" ? 0 : 2)
            let expected = Fixture.rows(0..<23, genes: genes).reduce(0.0) { $0 + $1.values.reduce(0, +) }
            #expect(sum.withLock { $0 } == expected * factor)
            #expect(reader.directRows == 23)
        }
    }

    @Test(
        "what is wrong in a chunk is the same error as by requests, and nothing crashes",
        arguments: [
            ("bad_duplicate", AnnDataError.Code.inconsistent), ("bad_negative", .negativeCount),
            ("bad_nan", .notANumber),
            ("bad_infinite", .infiniteValue), ("bad_fraction", .fractionalCount), ("bad_huge", .countTooLarge),
            ("bad_index", .inconsistent), ("bad_index_negative", .inconsistent), ("bad_damaged", .damaged),
            ("bad_short", nil),
        ] as [(String, AnnDataError.Code?)])
    func errors(name: String, code: AnnDataError.Code?) throws {
        let name = "direct_" + name
        let error = thrown { () throws(AnnDataError) in _ = try rows(name, [0..<23]) }
        let byRequest = thrown { () throws(AnnDataError) in
            var reader = try CellFile(path: Fixture.path(name)).countReader(layer: "X", rule: .counts)
            var batch = CountBatch()
            try reader.read(rows: 0..<23, into: &batch)
        }
        #expect(error?.description == byRequest?.description)
        if let code { #expect(error?.code == code, "\(error?.description ?? "no error")") }
        // The rows before it are there.
        let row = Fixture.rows(0..<3)
        if code != nil, code != .damaged { #expect(try rows(name, [0..<3]).rows == row) }
    }
}
