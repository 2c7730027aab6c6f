internal import Foundation

/// An open file that is read at any place by any thread (`pread`); closed with its last owner.
final class ReadOnlyFile: Sendable {
    let path: String
    /// Bytes in the file when it was opened.
    let size: Int
    private let descriptor: Int32

    /// - Throws: ``CheckpointError`` `notFound` or `notReadable`.
    init(path: String) throws(CheckpointError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw errno == ENOENT
                ? CheckpointError(.notFound, file: path, detail: "there is no such file")
                : CheckpointError(.notReadable, file: path, detail: "the file cannot be opened (\(reason))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw CheckpointError(.notReadable, file: path, detail: "not a plain file", advice: "name the file itself")
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// `count` bytes from `offset`.
    ///
    /// - Throws: ``CheckpointError`` `notReadable` if the system fails or the file has become shorter.
    func read(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
        // An array without room is one that all threads share, and the initializer below writes its count.
        if count == 0 { return [] }
        let place = (offset, count, descriptor)
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < place.1 {
                let got = pread(
                    place.2, buffer.baseAddress.map { $0 + initialized }, place.1 - initialized,
                    off_t(place.0 + initialized))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    failure = got < 0 ? errno : 0
                    return
                }
                initialized += got
            }
        }
        guard let failure else { return bytes }
        let reason = failure == 0 ? "it has become shorter since it was opened" : String(cString: strerror(failure))
        throw CheckpointError(
            .notReadable, file: path, detail: "\(count) bytes at \(offset) cannot be read (\(reason))")
    }
}
