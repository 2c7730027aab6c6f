internal import Glibc

/// Reads until `buffer` is full; false at the end of the stream or after an error.
func readFully(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    var done = 0
    while done < buffer.count {
        let length = read(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
        if length > 0 {
            done += length
        } else if length == 0 || errno != EINTR {
            return false
        }
    }
    return true
}

/// Sends all of `buffer`; false if the other end is gone (no SIGPIPE).
func sendFully(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Bool {
    var done = 0
    while done < buffer.count {
        let length = send(
            descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, Int32(MSG_NOSIGNAL))
        if length >= 0 {
            done += length
        } else if errno != EINTR {
            return false
        }
    }
    return true
}

/// Reads `buffer` full from `offset` of a file on; false at its end or after an error.
func readFully(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < buffer.count {
        let length = pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
        if length > 0 {
            done += length
        } else if length == 0 || errno != EINTR {
            return false
        }
    }
    return true
}
