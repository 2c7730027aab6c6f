internal import Glibc

/// What a killed process left beside a database, under a name that was to be renamed.
package enum Leftover {
    /// Endings of the names of files beside a database. A database of such a name could be taken for what they hold.
    package static let endings = ["-lock", "-swap", "-compact", "-partial"]

    /// Removes a file that can be nothing but an unfinished database: empty, zeros, or with LMDB's mark.
    ///
    /// - Throws: `other` for a file of another kind, which is the user's.
    static func remove(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw inTheWay(path)
        }
        defer { close(descriptor) }
        var first = [UInt8](repeating: 0, count: FileHeader.metaBytes)
        let count = read(descriptor, &first, first.count)
        let isOurs = count >= 0 && (first[..<count].allSatisfy { $0 == 0 } || FileHeader.isMeta(first))
        guard isOurs else { throw inTheWay(path) }
        unlink(path)
    }

    static func inTheWay(_ path: String) -> StoreError {
        StoreError(
            .other, path: path, reason: "a file that embdb did not write has the name that the new one needs meanwhile",
            advice: "move it away")
    }
}
