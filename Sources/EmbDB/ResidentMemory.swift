internal import Foundation

/// What of this process lies in physical memory, as Linux counts it.
package struct ResidentMemory {
    /// All of the process.
    package let process: Int
    /// Pages of one mapped file; part of `process`, but shared by all processes that map it, and given back by the
    /// system when others need room.
    package let file: Int

    /// nil where the system does not say (`/proc/self/smaps` is Linux's).
    init?(mapping path: String) {
        // Its size says 0: a file to be read to its end.
        guard let handle = FileHandle(forReadingAtPath: "/proc/self/smaps"), let data = try? handle.readToEnd(),
            let target = realpath(path, nil)
        else { return nil }
        defer { free(target) }
        self.init(smaps: String(decoding: data, as: UTF8.self), path: String(cString: target))
    }

    /// Reads what `/proc/self/smaps` says (proc(5)): a line a mapping, with its file behind five fields, then lines of
    /// the form `Rss:    12 kB`.
    package init(smaps: String, path: String) {
        var (process, file) = (0, 0)
        var isFile = false
        // Thousands of lines: by bytes, without a pattern.
        for line in smaps.utf8.split(separator: UInt8(ascii: "\n")).lazy.map(Substring.init) {
            if line.utf8.starts(with: "Rss:".utf8) {
                let kilobytes = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
                process += kilobytes * 1024
                if isFile { file += kilobytes * 1024 }
            } else if let first = line.utf8.first, !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) {
                isFile =
                    line.split(separator: " ", maxSplits: 5).dropFirst(5).first.map { $0.drop { $0 == " " } }
                    == path[...]
            }
        }
        self.process = process
        self.file = file
    }
}
