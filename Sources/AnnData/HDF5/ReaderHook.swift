internal import CHDF5
internal import Glibc

// libhdf5 crashes, loops or allocates without end on damaged files, so it runs in a process of its own: the same
// executable, started again by `ReaderProcess` with `EMBDB_HDF5_READER` in its environment. The functions in
// `.init_array` run before `main`, whatever program (or test runner) the library is linked into; this one takes the
// process over if it was started as a reader, and costs one `getenv` otherwise.
@section(".init_array") @used
private let readerHook: @convention(c) () -> Void = { takeOverIfReader() }

private func takeOverIfReader() {
    guard let value = getenv(ReaderLimits.environmentName), let descriptor = Int32(String(cString: value)) else {
        return
    }
    // A variable that leaked into an ordinary start (no socket there) must not swallow the program.
    var type: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 else {
        unsetenv(ReaderLimits.environmentName)
        return
    }
    limitResources()
    var reader = ReaderService(descriptor: descriptor)
    reader.serve()
    _exit(0)
}

private func limitResources() {
    var core = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
    var space = rlimit()
    guard let pages = startPages(), getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &space) == 0 else { return }
    let wanted = rlim_t(pages * Int(getpagesize()) + ReaderLimits.addressSpace)
    space.rlim_cur = min(wanted, space.rlim_max)
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &space)
}

/// Pages of address space that the process has now: the first number of /proc/self/statm.
private func startPages() -> Int? {
    let descriptor = open("/proc/self/statm", O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 64)
    let length = text.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard length > 0 else { return nil }
    return Int(String(decoding: text.prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self))
}

/// The loop of the reader process: one request, one answer, until the parent closes its end.
struct ReaderService {
    let descriptor: Int32
    private var library = HDF5Library()
    private var writer = HDF5WriteLibrary()
    private var fileBytes = 0

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func serve() {
        guard send(ReaderStatus.done, ReaderLimits.greeting) else { return }
        while let request = receive() {
            defer { request.deallocate() }
            var answer = WireWriter()
            do throws(ReaderFailure) {
                var wire = WireReader(UnsafeRawBufferPointer(request))
                try answerRequest(&wire, &answer)
            } catch {
                disarm()
                guard send(error.status, Array(error.message.utf8)) else { return }
                continue
            }
            disarm()
            let isSent =
                library.elements.map { elements in send(.done, elements) } ?? send(ReaderStatus.done, answer.bytes)
            library.elements = nil
            guard isSent else { return }
        }
    }

    private mutating func answerRequest(_ wire: inout WireReader, _ answer: inout WireWriter) throws(ReaderFailure) {
        guard let code = wire.take(UInt8.self), let path = wire.takeString() else {
            throw ReaderFailure(.failed, "not a request")
        }
        if let operation = WriterOperation(rawValue: code) {
            arm(touchedBytes: WriterLimits.touchedBytes(written: wire.remaining))
            return try writer.perform(operation, path, &wire)
        }
        guard let operation = ReaderOperation(rawValue: code), let member = wire.takeString() else {
            throw ReaderFailure(.failed, "not a request")
        }
        arm(touchedBytes: 0)
        switch operation {
        case .open:
            var info = stat()
            if stat(path, &info) == 0 { fileBytes = Int(info.st_size) }
            try library.open(path)
        case .list: try library.list(path, &answer)
        case .attributes: try library.attributes(path, &answer)
        case .members: try library.members(path, &answer)
        case .describe: try library.describe(path, member, &answer)
        case .chunks:
            guard wire.takeCount(bytesEach: 16) == 1, let first = wire.take(Int64.self),
                let count = wire.take(Int64.self)
            else { throw ReaderFailure(.failed, "not a request") }
            // A look at the index of the chunks for each of them.
            arm(touchedBytes: min(Int(count), ReaderLimits.chunksAtOnce) << 12)
            try library.chunks(path, first: Int(first), count: Int(count), &answer)
        case .read, .readStrings:
            guard let rank = wire.takeCount(bytesEach: 16) else { throw ReaderFailure(.failed, "not a request") }
            var start: [Int] = []
            var count: [Int] = []
            for _ in 0..<rank {
                guard let a = wire.take(Int64.self), let b = wire.take(Int64.self) else {
                    throw ReaderFailure(.failed, "not a request")
                }
                start.append(Int(a))
                count.append(Int(b))
            }
            let selection = try library.select(path, member, start: start, count: count)
            arm(touchedBytes: selection.touchedBytes)
            if operation == .read {
                try library.read(selection)
            } else {
                try library.readStrings(selection, &answer)
            }
        }
    }

    private func receive() -> UnsafeMutableRawBufferPointer? {
        var length: UInt32 = 0
        guard withUnsafeMutableBytes(of: &length, { readFully(descriptor, $0) }), length <= 1 << 24 else { return nil }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(length), alignment: 16)
        return readFully(descriptor, bytes) ? bytes : nil
    }

    private func send(_ status: ReaderStatus, _ payload: [UInt8]) -> Bool {
        payload.withUnsafeBytes { send(status, $0) }
    }

    private func send(_ status: ReaderStatus, _ payload: UnsafeRawBufferPointer) -> Bool {
        guard payload.count <= ReaderLimits.answerBytes else {
            return send(.tooLarge, Array("an answer of \(payload.count) bytes".utf8))
        }
        var head = WireWriter()
        head.put(UInt32(payload.count))
        head.put(status.rawValue)
        return head.bytes.withUnsafeBytes { sendFully(descriptor, $0) } && sendFully(descriptor, payload)
    }

    /// Ends the process by SIGPROF once it has used this much CPU time from now.
    private func arm(touchedBytes: Int) {
        let budget = ReaderLimits.microseconds(fileBytes: fileBytes, touchedBytes: touchedBytes)
        var timer = itimerval()
        timer.it_value.tv_sec = budget / 1_000_000
        timer.it_value.tv_usec = budget % 1_000_000
        setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
    }

    private func disarm() {
        var timer = itimerval()
        setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
    }
}
