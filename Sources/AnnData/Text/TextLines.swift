internal import CZlib
internal import Glibc

/// The lines of a text file, plain or gzip-compressed, one at a time. Memory: `bufferBytes`, whatever the file inflates
/// to.
struct TextLines: ~Copyable {
    /// The file as the caller named it.
    let path: String
    /// The bytes of the file as they lie on the disk.
    let fileBytes: Int
    /// The number of the last line, from 1.
    private(set) var number = 0
    /// The last line is at `line`, without its end (LF or CR LF).
    private(set) var buffer: [UInt8]
    private(set) var line = 0..<0

    private let file: gzFile
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    private var inflatedBytes = 0

    /// Longest line, bytes.
    static let longestLine = 1 << 16
    private static let bufferBytes = 1 << 20

    /// Opens a regular file.
    init(_ path: String) throws(AnnDataError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw fileError(errno, path) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw AnnDataError(.notFound, file: path, "not a regular file")
        }
        guard info.st_size > 0 else {
            close(descriptor)
            throw AnnDataError(.empty, file: path, "the file is empty")
        }
        guard let file = gzdopen(descriptor, "rb") else {
            close(descriptor)
            throw AnnDataError(.tooLarge, file: path, "no memory to inflate the file", advice: "free some memory")
        }
        fileBytes = Int(info.st_size)
        self.file = file
        gzbuffer(file, 1 << 18)
        buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
    }

    deinit { gzclose_r(file) }

    /// The first bytes of what a file inflates to, as far as it does.
    static func beginning(of path: String, count: Int) -> [UInt8] {
        guard let file = gzopen(path, "rb") else { return [] }
        defer { gzclose_r(file) }
        var bytes = [UInt8](repeating: 0, count: count)
        let length = Int(gzread(file, &bytes, UInt32(count)))
        return Array(bytes.prefix(max(0, length)))
    }

    /// Whether the file is compressed.
    var isCompressed: Bool { gzdirect(file) == 0 }

    /// Goes to the next line; false behind the last one. A line break at the end of the file begins no line.
    mutating func next() throws(AnnDataError) -> Bool {
        var searched = start
        while true {
            let found = buffer.withUnsafeBytes { bytes -> Int? in
                guard let base = bytes.baseAddress, end > searched,
                    let found = memchr(base + searched, 10, end - searched)
                else { return nil }
                return UnsafeRawPointer(found) - base
            }
            if let found {
                take(start..<found)
                start = found + 1
                return true
            }
            searched = end
            guard end - start <= Self.longestLine else {
                number += 1
                throw error("a line is longer than \(Self.longestLine) bytes")
            }
            if isAtEnd {
                guard start < end else { return false }
                take(start..<end)
                start = end
                return true
            }
            if end == buffer.count {
                // What is left of the buffer is the beginning of a line.
                buffer.withUnsafeMutableBytes { bytes in
                    guard let base = bytes.baseAddress else { return }
                    memmove(base, base + start, end - start)
                }
                searched -= start
                end -= start
                start = 0
            }
            try fill()
        }
    }

    /// The last line as text; bytes that are no UTF-8 become U+FFFD.
    var text: String { String(decoding: buffer[line], as: UTF8.self) }

    /// The error of the last line.
    func error(_ detail: String, advice: String? = nil) -> AnnDataError {
        AnnDataError(.malformed, file: path, line: number, detail, advice: advice)
    }

    private mutating func take(_ range: Range<Int>) {
        number += 1
        line = range.last.map { buffer[$0] == 13 } == true ? range.dropLast() : range
    }

    private mutating func fill() throws(AnnDataError) {
        let capacity = UInt32(buffer.count - end)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { gzread(file, $0 + end, capacity) } ?? -1
        }
        if count > 0 {
            end += Int(count)
            inflatedBytes += Int(count)
            // Tables of cells shrink to a tenth as a rule.
            guard inflatedBytes < 64 << 20 || inflatedBytes / 300 < fileBytes else {
                throw AnnDataError(
                    .damaged, file: path, line: number + 1, "the gzip file inflates to more than 300 times its size")
            }
            return
        }
        var code: Int32 = 0
        let message = gzerror(file, &code).map { String(cString: $0) } ?? ""
        switch code {
        case Z_OK, Z_STREAM_END: isAtEnd = true
        case Z_BUF_ERROR:
            throw AnnDataError(.truncated, file: path, line: number + 1, "the gzip file ends in the middle")
        case Z_ERRNO: throw fileError(errno, path)
        default:
            throw AnnDataError(.damaged, file: path, line: number + 1, "the gzip file is damaged: \(message)")
        }
    }
}

/// The error of a file that cannot be opened or read.
func fileError(_ code: Int32, _ path: String) -> AnnDataError {
    switch code {
    case ENOENT, ENOTDIR: AnnDataError(.notFound, file: path, "no such file or folder")
    case EACCES, EPERM: AnnDataError(.permissionDenied, file: path, "no permission to read it")
    default: AnnDataError(.notFound, file: path, "it cannot be read: " + errorText(code))
    }
}
