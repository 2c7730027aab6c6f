internal import Foundation

/// A file that appears under its name only when it is complete: written beside it, synced, renamed.
struct OutputFile: ~Copyable {
    private let path: String
    private let temporary: String
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var finished = false

    init(_ path: String) throws(EmbDBError) {
        self.path = path
        temporary = path + ".embdb-partial-\(UUID().uuidString)"
        guard FileManager.default.createFile(atPath: temporary, contents: nil),
            let handle = FileHandle(forWritingAtPath: temporary)
        else {
            throw EmbDBError(.storage, "cannot write there (\(path)): check the folder and its permissions")
        }
        self.handle = handle
    }

    deinit {
        try? handle.close()
        if !finished { try? FileManager.default.removeItem(atPath: temporary) }
    }

    mutating func write(_ bytes: some Sequence<UInt8>) throws(EmbDBError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= 1 << 20 { try flush() }
    }

    mutating func write(_ text: String) throws(EmbDBError) { try write(text.utf8) }

    private mutating func flush() throws(EmbDBError) {
        do {
            try handle.write(contentsOf: buffer)
        } catch {
            throw EmbDBError(.storage, "writing failed (\(path)): is the disk full?")
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left and gives the file its name.
    mutating func finish() throws(EmbDBError) {
        try flush()
        do {
            try handle.synchronize()
        } catch {
            throw EmbDBError(.storage, "writing failed (\(path)): is the disk full?")
        }
        guard rename(temporary, path) == 0 else {
            throw EmbDBError(.storage, "cannot write there (\(path)): check the folder and its permissions")
        }
        finished = true
    }
}
