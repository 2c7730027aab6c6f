internal import Glibc

extension HDF5File {
    /// Tells what is no HDF5 file from what is a damaged one, before any HDF5 call; the same size and time as `stat`.
    static func examine(_ path: String) throws(AnnDataError) -> FileFingerprint {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            switch code {
            case ENOENT, ENOTDIR: throw AnnDataError(.notFound, file: path, "no such file", advice: "check the path")
            case EACCES, EPERM:
                throw AnnDataError(.permissionDenied, file: path, "no permission to read the file")
            default: throw AnnDataError(.notFound, file: path, "the file cannot be opened: " + errorText(code))
            }
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            throw AnnDataError(.notFound, file: path, "the file cannot be examined: " + errorText(errno))
        }
        switch info.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR:
            throw AnnDataError(.isDirectory, file: path, "a folder, not a file", advice: "name a file")
        default: throw AnnDataError(.notFound, file: path, "not a regular file", advice: "give a regular file")
        }
        guard info.st_size > 0 else {
            throw AnnDataError(.empty, file: path, "the file is empty", advice: "copy the file again")
        }
        guard hasSignature(descriptor, size: Int(info.st_size)) else {
            throw AnnDataError(
                .notHDF5, file: path, "not an HDF5 file (no signature), nor another format that is read")
        }
        return FileFingerprint(info)
    }

    /// The signature stands at 0, 512, 1024, 2048, … (HDF5 file format specification, II.A).
    static func hasSignature(_ descriptor: Int32, size: Int) -> Bool {
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]
        var found = [UInt8](repeating: 0, count: signature.count)
        var offset = 0
        while offset < size {
            if pread(descriptor, &found, found.count, offset) == found.count, found == signature { return true }
            offset = offset == 0 ? 512 : offset * 2
        }
        return false
    }

    /// The error of a reader process that died.
    static func error(of death: ReaderDeath, file: String, element: String?) -> AnnDataError {
        let advice = "get a fresh copy of the file, or check it with h5dump"
        return switch death {
        case .endless:
            AnnDataError(
                .damaged, file: file, path: element,
                "damaged: the HDF5 library does not come to an end reading this", advice: advice)
        case .crashed:
            AnnDataError(
                .damaged, file: file, path: element, "damaged: the HDF5 library crashed reading this", advice: advice)
        case .killed:
            AnnDataError(
                .damaged, file: file, path: element, "the process that reads HDF5 was killed",
                advice: "look whether the machine ran out of memory, else get a fresh copy of the file")
        case .notStarted(let reason):
            AnnDataError(
                .readerNotStarted, file: file, "the process that reads HDF5 cannot be started: " + reason)
        }
    }

    /// The error of a request that the reader process refused.
    static func error(
        of status: ReaderStatus, _ message: String, file: String, element: String?
    ) -> AnnDataError {
        let name = element.map { "\($0) " } ?? "the file "
        switch status {
        case .missing: return AnnDataError(.noSuchElement, file: file, path: element, name + message)
        case .unsupported: return AnnDataError(.unsupportedEncoding, file: file, path: element, name + message)
        case .tooLarge: return AnnDataError(.tooLarge, file: file, path: element, name + message)
        case .inconsistent: return AnnDataError(.inconsistent, file: file, path: element, name + message)
        case .failed, .done:
            if message.contains("truncated file") {
                return AnnDataError(
                    .truncated, file: file, path: element, "truncated: the file ends before its data",
                    advice: "copy or download it again")
            }
            return AnnDataError(
                .damaged, file: file, path: element, "damaged: \(name)\(message)",
                advice: "get a fresh copy of the file")
        }
    }
}
