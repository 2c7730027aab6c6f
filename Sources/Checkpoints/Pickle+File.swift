extension Pickle {
    /// The largest pickle that is read: dictionaries of genes have a few megabytes.
    package static let maximumBytes = 1 << 28

    /// Reads the pickle file at `path`. O(bytes).
    ///
    /// - Throws: ``CheckpointError`` `notFound`, `notReadable`; `unsupported` if it mentions code or an object beyond
    ///   plain data, or is a Git LFS pointer; `malformed`; `tooLarge`.
    package init(path: String) throws(CheckpointError) {
        let file = try ReadOnlyFile(path: path)
        guard file.size <= Self.maximumBytes else {
            throw CheckpointError(
                .tooLarge, file: path, detail: "\(file.size) bytes are too many for a pickle of plain data")
        }
        try self.init(bytes: try file.read(at: 0, count: file.size), file: path)
    }

    /// The same from bytes in memory; `file` names them in messages.
    package init(bytes: [UInt8], file: String) throws(CheckpointError) {
        try GitLFSPointer.refuse(bytes, file: file)
        var reader = PickleReader(bytes: bytes, file: file)
        self = try reader.read()
    }
}

/// The few lines of text that Git LFS leaves where a large file was not downloaded
/// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
enum GitLFSPointer {
    private static let start = Array("version https://git-lfs.github.com/spec/".utf8)

    /// - Throws: ``CheckpointError`` `unsupported` if `bytes` begin as a pointer does.
    static func refuse(_ bytes: some Sequence<UInt8>, file: String) throws(CheckpointError) {
        guard bytes.starts(with: start) else { return }
        throw CheckpointError(
            .unsupported, file: file,
            detail: "a Git LFS pointer, not the file itself",
            advice: "run git lfs pull, or download it")
    }
}
