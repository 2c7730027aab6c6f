internal import Foundation

/// Data goes to stdout, words for people to stderr.
enum Console {
    /// Ends the program if the answer cannot be written: with 1 and a line on stderr, but quietly where the reader went
    /// away (`| head`), who has seen enough.
    static func answer(_ text: String) {
        guard let problem = write(text + "\n", to: STDOUT_FILENO), problem != EPIPE else { return }
        note("embdb: the answer cannot be written (\(String(cString: strerror(problem)))): is the disk full?")
        exit(1)
    }

    static func note(_ text: String) { _ = write(text + "\n", to: STDERR_FILENO) }

    /// Returns `errno` of a failure.
    private static func write(_ text: String, to descriptor: Int32) -> Int32? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return errno }
            bytes = bytes.dropFirst(count)
        }
        return nil
    }
}
