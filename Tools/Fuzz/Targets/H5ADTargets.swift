import AnnData

/// Whole files (.h5ad, .loom, 10x .h5), read through the reader process as an ingest reads them. Coverage counts in this process alone.
enum H5ADTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        let path = Scratch.write(bytes, "input.h5ad")
        refusing { try readAll(CellFile(path: path)) }
    }
}

/// The parent's side of the border: answers of a reader process that may have lost its mind. The input is a list of
/// answers: status (1 byte), length (2 bytes, little-endian), payload.
enum ReaderTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        refusing {
            let reader = ScriptedReader(script: bytes)
            let fingerprint = FileFingerprint(size: 20_000, modified: 0)
            // A script does not give the same answer twice.
            try readAll(
                CellFile(HDF5File(path: "input", fingerprint: fingerprint, reader: reader)), isRepeatable: false)
        }
    }

    /// What the real reader answers for each of `files`.
    static func seeds(_ files: [String]) throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for path in files {
            let reader = RecordingReader(try ReaderProcess.start())
            refusing {
                let fingerprint = FileFingerprint(size: 20_000, modified: 0)
                try readAll(CellFile(HDF5File(path: path, fingerprint: fingerprint, reader: reader)))
            }
            seeds.append(reader.script)
        }
        return seeds
    }
}

/// Answers from a script; a dead process at its end.
private final class ScriptedReader: HDF5Reader {
    private let script: [UInt8]
    private var position = 0

    init(script: [UInt8]) { self.script = script }

    func answer(
        _ request: [UInt8], into memory: inout UnsafeMutableRawBufferPointer
    ) throws(ReaderDeath) -> (status: ReaderStatus, length: Int) {
        guard position + 3 <= script.count, let status = ReaderStatus(rawValue: script[position] % 6) else {
            throw .crashed
        }
        let claimed = Int(script[position + 1]) | Int(script[position + 2]) << 8
        let start = position + 3
        let length = min(claimed, script.count - start)
        position = start + length
        if memory.count < length {
            memory.deallocate()
            memory = .allocate(byteCount: length, alignment: 64)
        }
        memory.copyBytes(from: script[start..<start + length])
        return (status, length)
    }
}

/// Passes on the answers of another reader and keeps them as a script.
private final class RecordingReader: HDF5Reader {
    private let reader: any HDF5Reader
    private(set) var script: [UInt8] = []

    init(_ reader: any HDF5Reader) { self.reader = reader }

    func answer(
        _ request: [UInt8], into memory: inout UnsafeMutableRawBufferPointer
    ) throws(ReaderDeath) -> (status: ReaderStatus, length: Int) {
        let answer = try reader.answer(request, into: &memory)
        script += [answer.status.rawValue, UInt8(answer.length & 0xFF), UInt8(answer.length >> 8 & 0xFF)]
        script += memory[0..<answer.length]
        return answer
    }
}

/// Reads what an ingest and an import read, a few rows at a time.
///
/// - Parameter isRepeatable: whether the same request has the same answer.
func readAll(_ file: CellFile, isRepeatable: Bool = true) throws(AnnDataError) {
    // A sound file may claim any number of rows; what its first ones show is enough.
    let rows = 0..<min(file.cellCount, 100)
    for frame in [file.obs, file.`var`] {
        let some = 0..<min(frame.count, 100)
        require(try frame.names(some).count == some.count, "another number of names")
        for name in frame.columnNames.prefix(40) {
            do throws(AnnDataError) {
                let column = try frame.column(named: name)
                if column.kind != .unsupported {
                    require(try column.readTexts(rows: some).count == some.count, "another number of values")
                }
            } catch {
                check(error)
            }
        }
    }
    var batch = CountBatch()
    for layer in file.layerNames.prefix(5) {
        do throws(AnnDataError) {
            _ = try file.holdsWholeNumbers(layer: layer)
            var reader = try file.countReader(layer: layer, rule: .normalized, memoryBudget: 1 << 20)
            try reader.read(rows: rows, into: &batch)
            require(batch.rowCount == rows.count, "another number of rows")
            require(
                batch.indices.allSatisfy { $0 >= 0 && Int($0) < reader.layer.columnCount }, "a gene that is not there")
            let counts = batch
            try reader.forEachRow(rows, threads: 2, makeState: {}) { (_: inout Void, row, columns, values) in
                guard isRepeatable else { return }
                let entries = counts.entries(row)
                require(entries.count == columns.count, "another number of genes by chunks than by requests")
                for entry in columns.indices {
                    let place = entries.lowerBound + entry
                    require(
                        columns[entry] == counts.indices[place] && values[entry] == counts.values[place],
                        "another count by chunks than by requests")
                }
            }
        } catch {
            check(error)
        }
    }
    var values: [Float] = []
    for key in file.obsmKeys.prefix(5) {
        do throws(AnnDataError) {
            let matrix = try file.embedding(key)
            try matrix.read(rows: rows, into: &values)
            require(values.count == rows.count * matrix.dimension, "another number of values")
        } catch {
            check(error)
        }
    }
}
