internal import Glibc

/// A file of `EntryFile.Entry` without a name.
final class TemporaryFile: Sendable {
    typealias Entry = EntryFile.Entry
    private static let entryBytes = MemoryLayout<Entry>.stride
    /// Entries that are read or written at once: 1 MB.
    private static let slice = 1 << 16

    /// What the entries come from, for errors.
    private let source: String
    private let folder: String
    private let descriptor: Int32

    /// - Parameter source: the file that is converted, for errors.
    init(_ source: String) throws(AnnDataError) {
        self.source = source
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        folder = named.isEmpty ? (access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp") : named
        // Not every file system knows files without a name.
        var template = Array((folder + "/embdb-XXXXXX").utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw AnnDataError(
                .temporaryStorage, file: source,
                "no temporary file can be made in \(folder) for the matrix: " + errorText(errno))
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
    }

    deinit { close(descriptor) }

    /// Calls `body` with the entries from `first` on, in order.
    func forEach(from first: Int, count: Int, _ body: (Entry) -> Void) throws(AnnDataError) {
        var entries: [Entry] = []
        for start in stride(from: first, to: first + count, by: Self.slice) {
            try read(from: start, count: min(Self.slice, first + count - start), into: &entries)
            for entry in entries { body(entry) }
        }
    }

    /// Replaces `entries` by those from `first` on.
    func read(from first: Int, count: Int, into entries: inout [Entry]) throws(AnnDataError) {
        if entries.count != count {
            entries = [Entry](repeating: Entry(cell: 0, gene: 0, value: 0), count: count)
        }
        let code = entries.withUnsafeMutableBytes { bytes in
            Self.repeated(bytes.count) { done in
                pread(
                    descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, first * Self.entryBytes + done)
            }
        }
        if code != 0 { throw failure(code) }
    }

    /// Writes `entries` from the place `first` on.
    func write(_ entries: [Entry], at first: Int) throws(AnnDataError) {
        let code = entries.withUnsafeBytes { bytes in
            Self.repeated(bytes.count) { done in
                pwrite(
                    descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, first * Self.entryBytes + done)
            }
        }
        if code != 0 { throw failure(code) }
    }

    /// Calls `move`, which reads or writes some of what is behind `done` bytes, until all `count` are done.
    ///
    /// - Returns: the system's error; 0 for none.
    private static func repeated(_ count: Int, _ move: (_ done: Int) -> Int) -> Int32 {
        var done = 0
        while done < count {
            let length = move(done)
            if length > 0 {
                done += length
            } else if length == 0 || errno != EINTR {
                return length == 0 ? EIO : errno
            }
        }
        return 0
    }

    private func failure(_ code: Int32) -> AnnDataError {
        AnnDataError(
            .temporaryStorage, file: source,
            code == ENOSPC || code == EDQUOT
                ? "the disk of \(folder) is full: the matrix is converted there, 16 bytes for each of its entries"
                : "the temporary file of the matrix in \(folder) fails: " + errorText(code))
    }

    /// Appends entries, many at once.
    struct Writer {
        private let file: TemporaryFile
        private var waiting: [Entry] = []
        private var position: Int
        private let capacity: Int

        init(_ file: TemporaryFile, at position: Int = 0, capacity: Int = TemporaryFile.slice) {
            self.file = file
            self.position = position
            self.capacity = capacity
        }

        mutating func append(_ entry: Entry) throws(AnnDataError) {
            waiting.append(entry)
            if waiting.count == capacity { try flush() }
        }

        mutating func flush() throws(AnnDataError) {
            try file.write(waiting, at: position)
            position += waiting.count
            waiting.removeAll(keepingCapacity: true)
        }
    }
}

extension TemporaryFile {
    /// Entries that are sorted at once: 64 MB, and 64 MB more for the sorted ones.
    private static let bucketEntries = 1 << 22

    /// A file of the same entries, sorted by cell; `indptr` says where those of each cell belong.
    ///
    /// Two passes: the entries go to buckets of consecutive cells, then every bucket is sorted in memory.
    /// - Parameter limit: entries of a bucket, unless one cell has more.
    func sorted(by indptr: [Int], bucketEntries limit: Int = bucketEntries) throws(AnnDataError) -> TemporaryFile {
        let cellCount = indptr.count - 1
        let result = try TemporaryFile(source)
        // The first cell of every bucket, and the end of the last.
        var bounds = [0]
        for cell in 0..<cellCount where cell > bounds[bounds.count - 1] {
            if indptr[cell + 1] - indptr[bounds[bounds.count - 1]] > limit { bounds.append(cell) }
        }
        var bucketOfCell = [Int32](repeating: 0, count: cellCount)
        var writers: [Writer] = []
        for (bucket, first) in bounds.enumerated() {
            let end = bucket + 1 < bounds.count ? bounds[bucket + 1] : cellCount
            for cell in first..<end { bucketOfCell[cell] = Int32(bucket) }
            writers.append(Writer(result, at: indptr[first], capacity: 1 << 12))
        }
        var entries: [Entry] = []
        let total = indptr[cellCount]
        for start in stride(from: 0, to: total, by: Self.slice) {
            try read(from: start, count: min(Self.slice, total - start), into: &entries)
            for entry in entries { try writers[Int(bucketOfCell[Int(entry.cell)])].append(entry) }
        }
        for bucket in writers.indices { try writers[bucket].flush() }

        var places: [Int] = []
        var ordered: [Entry] = []
        for (bucket, first) in bounds.enumerated() {
            let end = bucket + 1 < bounds.count ? bounds[bucket + 1] : cellCount
            let base = indptr[first]
            try result.read(from: base, count: indptr[end] - base, into: &entries)
            places.removeAll(keepingCapacity: true)
            places += indptr[first..<end]
            ordered = entries
            for entry in entries {
                let cell = Int(entry.cell) - first
                ordered[places[cell] - base] = entry
                places[cell] += 1
            }
            try result.write(ordered, at: base)
        }
        return result
    }
}
