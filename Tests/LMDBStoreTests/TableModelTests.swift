import LMDBStore
import Numerics
import TestSupport
import Testing

@Suite struct TableModelTests {
    @Test(
        "A table behaves as a dictionary under random operations, aborts and reopening",
        arguments: [1, 2, 3, 4] as [UInt64])
    func randomOperations(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.embdb")
        var random = SeededRandom(seed: seed)
        let byName = Table<String, [UInt8]>("by name")
        let byNumber = Table<UInt64, String>("by number")
        var names: [String: [UInt8]] = [:]
        var numbers: [UInt64: String] = [:]
        for round in 0..<12 {
            let environment = try Environment.open(path, mode: .create)
            for _ in 0..<4 {
                var (newNames, newNumbers) = (names, numbers)
                let fails = random.uniform() < 0.2
                do {
                    try environment.write { transaction in
                        for _ in 0..<40 {
                            let name =
                                "key \(random.next() % 60)" + String(repeating: "é", count: Int(random.next() % 200))
                            let number = random.next() >> (random.next() % 64)
                            switch random.next() % 8 {
                            case 0, 1, 2:
                                // From nothing to several pages.
                                let size =
                                    random.next() % 3 == 0 ? Int(random.next() % 30_000) : Int(random.next() % 50)
                                let value = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                                try byName.put(value, for: name, in: &transaction)
                                newNames[name] = value
                            case 3, 4:
                                try byNumber.put("value \(number)", for: number, in: &transaction)
                                newNumbers[number] = "value \(number)"
                            case 5:
                                let victim = newNames.keys.sorted().first ?? name
                                #expect(try byName.remove(victim, in: &transaction) == (newNames[victim] != nil))
                                newNames[victim] = nil
                            case 6:
                                #expect(try byName.value(for: name, in: transaction) == newNames[name])
                            default:
                                if random.uniform() < 0.05 {
                                    try byNumber.removeAll(in: &transaction)
                                    newNumbers = [:]
                                }
                                #expect(try byNumber.count(in: transaction) == newNumbers.count)
                            }
                        }
                        if fails { throw Refused() }
                    }
                    (names, numbers) = (newNames, newNumbers)
                } catch is Refused {}
            }
            try environment.read { (transaction: borrowing ReadTransaction) throws in
                var seen: [(String, [UInt8])] = []
                try byName.forEach(in: transaction) { seen.append(($0, $1)) }
                #expect(
                    seen.map(\.0) == names.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, "round \(round)")
                #expect(seen.allSatisfy { names[$0.0] == $0.1 })
                var keys: [UInt64] = []
                let bound: UInt64 = 1 << 40
                try byNumber.forEach(from: 5, upTo: bound, in: transaction) { key, value in
                    keys.append(key)
                    #expect(numbers[key] == value)
                }
                #expect(keys == numbers.keys.filter { $0 >= 5 && $0 < bound }.sorted())
                #expect(try byNumber.lastKey(in: transaction) == numbers.keys.max())
                for (name, value) in names {
                    let length = try byName.withBytes(for: name, in: transaction) { $0.byteCount }
                    #expect(length == value.count)
                }
            }
            try Environment.checkPages(ofFile: environment.path)
        }
    }

    private struct Refused: Error {}

    @Test("A key is 1 to 511 bytes long")
    func keyLengths() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        let table = Table<String, UInt32>("t")
        try environment.write { transaction in
            try table.put(1, for: String(repeating: "k", count: 511), in: &transaction)
            for key in ["", String(repeating: "k", count: 512)] {
                #expect(code { () throws(StoreError) in try table.put(1, for: key, in: &transaction) } == .badKey)
                #expect(try table.value(for: key, in: transaction) == nil)
                #expect(try !table.remove(key, in: &transaction))
            }
            for name in ["", "a\0b", String(repeating: "n", count: 512)] {
                let odd = Table<String, UInt32>(name)
                #expect(code { () throws(StoreError) in try odd.put(1, for: "k", in: &transaction) } == .badKey)
            }
        }
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            #expect(try table.count(in: transaction) == 1)
            var count = 0
            try table.forEach(from: String(repeating: "k", count: 600), in: transaction) { _, _ in count += 1 }
            #expect(count == 0)
        }
    }

    @Test("An append needs a key above the last one")
    func appending() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        let table = Table<UInt32, UInt64>("t")
        try environment.write { transaction in
            for key in 0..<10_000 { try table.append(UInt64(key) * 3, for: UInt32(key), in: &transaction) }
            #expect(code { () throws(StoreError) in try table.append(0, for: 77, in: &transaction) } == .badKey)
        }
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            #expect(try table.value(for: 9_999, in: transaction) == 29_997)
            #expect(try table.value(for: 77, in: transaction) == 231)
        }
    }

    @Test("A value of the wrong size is reported as damage, with its table")
    func wrongValue() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        try environment.write { try Table<String, [UInt8]>("t").put([1, 2, 3], for: "k", in: &$0) }
        let error = try environment.read { (transaction: borrowing ReadTransaction) throws in
            #expect(throws: StoreError.self) { try Table<String, UInt64>("t").value(for: "k", in: transaction) }
        }
        #expect(error?.code == .corrupted)
        #expect(error?.table == "t")
    }

    @Test("A table without values reads as empty; more than 1024 tables are refused and the file stays whole")
    func tables() throws {
        let folder = try TemporaryFolder()
        let environment = try Environment.open(folder.file("a.embdb"), mode: .create)
        let error = #expect(throws: StoreError.self) {
            try environment.write { transaction in
                for index in 0...1100 { try Table<String, UInt32>("t\(index)").put(1, for: "k", in: &transaction) }
            }
        }
        #expect(error?.code == .tooManyTables)
        try environment.write { transaction in
            for index in 0..<1024 { try Table<String, UInt32>("t\(index)").put(1, for: "k", in: &transaction) }
        }
        try environment.read { (transaction: borrowing ReadTransaction) throws in
            #expect(transaction.tableNames.count == 1024)
            #expect(try Table<String, UInt32>("none").value(for: "k", in: transaction) == nil)
            #expect(try Table<String, UInt32>("none").count(in: transaction) == 0)
            #expect(try BlockColumn(name: "none", rowsPerBlock: 4, stride: 4, kind: 1).count(in: transaction) == 0)
        }
    }
}

/// The code of the error that `body` throws.
func code(_ body: () throws(StoreError) -> Void) -> StoreError.Code? {
    do throws(StoreError) { try body() } catch { return error.code }
    return nil
}
