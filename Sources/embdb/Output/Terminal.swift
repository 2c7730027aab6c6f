internal import Foundation

/// What is known of the terminal that a stream goes to.
enum Terminal {
    /// Characters of a line; nil if the stream goes to a file or a pipe.
    static func columns(of stream: Int32) -> Int? {
        guard isatty(stream) == 1 else { return nil }
        var size = winsize()
        if ioctl(stream, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        // A terminal that does not know its width (a serial line): what the shell says, or what terminals used to have.
        return ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } ?? 80
    }
}
