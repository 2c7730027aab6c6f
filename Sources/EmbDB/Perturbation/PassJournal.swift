internal import Checkpoints
internal import Foundation

/// What passes through the model have given so far, in a file beside the database, so that the same computation goes on where
/// it was killed. Every number depends on what the name is made of, and on nothing else; so the file may be deleted at any time.
///
/// A line of text with the whole fingerprint, then records: the number of bytes behind it (UInt32, little-endian), and
/// a kind, a number and values under their checksum. What follows a record that is not whole is not there.
final class PassJournal {
    /// What values belong to: a cell as it is, a measured pair, all estimated pairs of a cell, or some perturbations of it.
    enum Kind: UInt32 {
        case original, measured, estimated, perturbed
    }

    private struct Key: Hashable {
        let kind: UInt32
        let number: Int
    }

    private let path: String
    private let header: [UInt8]
    private var handle: FileHandle?
    private var found: [Key: [Double]] = [:]
    /// Not written yet: what takes no longer than ``patience`` leaves no file.
    private var waiting: [UInt8] = []
    private let begin = Date()
    private let warning: (String) -> Void
    private var isBroken = false

    private static let patience = 2.0

    /// Reads what an earlier run left; nil if another process is at the same task.
    ///
    /// - Parameters:
    ///   - task: a word for the file's name.
    ///   - fingerprint: a hash of all that the values depend on.
    init?(database: String, task: String, fingerprint: String, warning: @escaping (String) -> Void) {
        path = "\(database)-\(task)-\(fingerprint.prefix(12))"
        header = Array("embdb \(task) 1 \(fingerprint)\n".utf8)
        self.warning = warning
        guard let handle = FileHandle(forUpdatingAtPath: path) else { return }
        guard flock(handle.fileDescriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
        self.handle = handle
        read(handle)
    }

    /// What is known of it, once.
    func take(_ kind: Kind, _ number: Int) -> [Double]? {
        found.removeValue(forKey: Key(kind: kind.rawValue, number: number))
    }

    func add(_ kind: Kind, _ number: Int, _ values: [Double]) {
        var content: [UInt8] = []
        content.reserveCapacity(12 + 8 * values.count)
        func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(kind.rawValue, to: &content)
        append(UInt64(number), to: &content)
        for value in values { append(value.bitPattern, to: &content) }
        let sealed = Checksummed.seal(content)
        append(UInt32(sealed.count), to: &waiting)
        waiting += sealed
    }

    /// Hands what was added to the system, which keeps it whatever becomes of this process.
    func write() {
        guard !isBroken, !waiting.isEmpty, handle != nil || Date().timeIntervalSince(begin) > Self.patience else {
            return
        }
        do {
            if handle == nil {
                // Never one that another process has made meanwhile.
                let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
                guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
                let made = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
                handle = made
                _ = flock(descriptor, LOCK_EX | LOCK_NB)
                try made.write(contentsOf: header)
            }
            try handle?.write(contentsOf: waiting)
            waiting.removeAll(keepingCapacity: true)
        } catch {
            isBroken = true
            waiting = []
            warning("what was computed cannot be kept (\(path)): if it is killed, it begins anew")
        }
    }

    /// All is done.
    func remove() {
        if handle != nil { unlink(path) }
        handle = nil
        isBroken = true
    }

    // MARK: Reading

    /// All whole records; the file then ends behind them.
    private func read(_ handle: FileHandle) {
        let bytes = (try? handle.readToEnd()).map { [UInt8]($0) } ?? []
        var place = header.count
        if bytes.starts(with: header) {
            while let (next, key, values) = record(bytes, at: place) {
                found[key] = values
                place = next
            }
        } else {
            place = 0
        }
        do {
            try handle.truncate(atOffset: UInt64(place))
            try handle.seek(toOffset: UInt64(place))
            if place == 0 { try handle.write(contentsOf: header) }
        } catch {
            isBroken = true
        }
    }

    private func record(_ bytes: [UInt8], at place: Int) -> (next: Int, key: Key, values: [Double])? {
        func number<T: FixedWidthInteger>(_ type: T.Type, _ bytes: ArraySlice<UInt8>) -> T {
            bytes.reversed().reduce(0) { $0 << 8 | T($1) }
        }
        guard place + 4 <= bytes.count else { return nil }
        let size = Int(number(UInt32.self, bytes[place..<place + 4]))
        let end = place + 4 + size
        guard end <= bytes.count, let content = Checksummed.open(Array(bytes[place + 4..<end])), content.count >= 12,
            content.count % 8 == 4
        else { return nil }
        let key = Key(
            kind: number(UInt32.self, content[0..<4]),
            number: Int(truncatingIfNeeded: number(UInt64.self, content[4..<12])))
        let values = stride(from: 12, to: content.count, by: 8).map {
            Double(bitPattern: number(UInt64.self, content[$0..<$0 + 8]))
        }
        return (end, key, values)
    }
}
