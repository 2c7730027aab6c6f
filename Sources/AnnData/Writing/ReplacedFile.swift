internal import Foundation
internal import Glibc

/// A file that appears under its name only when it is complete: written beside it, synced, renamed. A symbolic link is
/// followed, not replaced; what is no regular file is refused.
package final class ReplacedFile {
    /// What is part of the name of every file that was begun and not finished: a killed process leaves it behind.
    package static let partialMark = ".embdb-partial-"

    /// Where the bytes go first.
    package let temporary: String
    private let path: String
    private let target: String
    private var isFinished = false

    /// - Throws: `notWritten` if it cannot be written there.
    package init(_ path: String) throws(AnnDataError) {
        self.path = path
        target = Self.followLinks(path)
        temporary = target + Self.partialMark + UUID().uuidString
        var info = stat()
        if stat(target, &info) == 0 {
            if info.st_mode & S_IFMT == S_IFDIR {
                throw AnnDataError(.notWritten, file: path, "a folder, not a file", advice: "name a file to write")
            }
            guard info.st_mode & S_IFMT == S_IFREG else {
                throw AnnDataError(
                    .notWritten, file: path, "a pipe or a device, not a file",
                    advice: "name a file to write")
            }
        }
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        if descriptor < 0 { throw Self.failure(path, errno) }
        close(descriptor)
    }

    deinit { if !isFinished { unlink(temporary) } }

    /// Fills the temporary file with the bytes of `source`. `check` is called every few milliseconds; what it throws
    /// ends the copying.
    func copyBytes(of source: String, check: () throws -> Void) throws {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else {
            throw AnnDataError(.notFound, file: source, "the file cannot be opened: " + errorText(errno))
        }
        defer { close(input) }
        let output = open(temporary, O_WRONLY | O_CLOEXEC)
        guard output >= 0 else { throw Self.failure(path, errno) }
        defer { close(output) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            try check()
            let length = read(input, buffer.baseAddress, buffer.count)
            if length == 0 { return }
            if length < 0 {
                if errno == EINTR { continue }
                throw AnnDataError(.damaged, file: source, "the file cannot be read: " + errorText(errno))
            }
            var done = 0
            while done < length {
                let written = write(output, buffer.baseAddress.map { $0 + done }, length - done)
                if written >= 0 {
                    done += written
                } else if errno != EINTR {
                    throw Self.failure(path, errno)
                }
            }
        }
    }

    /// Gives the file its name.
    package func finish() throws(AnnDataError) {
        let descriptor = open(temporary, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        let isSynced = fsync(descriptor) == 0
        let code = errno
        close(descriptor)
        guard isSynced else { throw Self.failure(path, code) }
        guard rename(temporary, target) == 0 else { throw Self.failure(path, errno) }
        isFinished = true
    }

    /// Where `path` leads, also if nothing is there yet. The system gives up after as many links.
    private static func followLinks(_ path: String) -> String {
        var path = path
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        for _ in 0..<40 {
            let length = readlink(path, &bytes, bytes.count)
            guard length > 0 else { break }
            let next = String(decoding: bytes[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // What `..` means behind a folder that is a link itself, the system knows.
            let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
            path = next.hasPrefix("/") ? next : folder + next
        }
        return path
    }

    private static func failure(_ path: String, _ code: Int32) -> AnnDataError {
        AnnDataError(.notWritten, file: path, "cannot write there: " + errorText(code))
    }
}
