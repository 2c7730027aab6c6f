internal import Foundation
internal import LMDBStore

extension Database {
    /// Copies the last commit to a new file, while others read and write. The copy is a database like this one; it gets
    /// its name once it is on disk and everything in it was read against its checksum.
    ///
    /// - Parameters:
    ///   - target: the new file; one that is there is never replaced.
    ///   - dryRun: only says whether it could be done, and how large the copy is.
    ///   - control: is told how far it is, and may stop it.
    /// - Throws: ``EmbDBError`` `usage` for a file that is there, `notFound` for a folder that is not, `storage` (a full
    ///   disk, a folder that may not be written), `corrupted` if the database is damaged, `cancelled`. There is no file
    ///   then.
    /// - Complexity: reads the file and writes as much, and reads that twice.
    public func backup(
        to target: String, dryRun: Bool = false, control: Control = Control()
    ) throws(EmbDBError) -> BackupReport {
        try withEmbDBErrors {
            let start = Date()
            try requireNew(target)
            let (bytes, cells) = (Int(try environment.fileBytes()), try info().summary.cells)
            try requireRoom(for: bytes, beside: target)
            if dryRun {
                try NewFile.probe(target)
                return BackupReport(cells: cells, bytes: bytes, seconds: 0)
            }
            let file = try NewFile(target)
            try environment.copy(to: file.descriptor, path: file.temporary) { done, total in
                try control.checkCancelled("stopped; there is no copy")
                control.progress(.init(unit: "MB", phase: "copying", done: done >> 20, total: total >> 20))
            }
            let check = try Self.verify(file.temporary, control: control)
            if let fault = check.fault {
                throw EmbDBError(
                    .corrupted,
                    "the database is damaged, and so would be its copy: \(fault) (\(path)): keep the copies that there are, "
                        + "and see embdb verify")
            }
            try file.finish()
            let size = try FileManager.default.attributesOfItem(atPath: target)[.size] as? Int
            return BackupReport(cells: check.cells, bytes: size ?? bytes, seconds: Date().timeIntervalSince(start))
        }
    }

    private func requireNew(_ target: String) throws(EmbDBError) {
        if target.isEmpty { throw EmbDBError(.usage, "the file to write has no name: give one") }
        var status = stat()
        guard lstat(target, &status) != 0 else {
            throw EmbDBError(
                .usage,
                OutputFile.isSamePlace(target, path)
                    ? "the copy would be the database itself (\(target)): name another file"
                    : "there is a file already (\(target)): name another one, or remove that first")
        }
        try Self.requireOwnName(target)
    }

    private func requireRoom(for bytes: Int, beside target: String) throws {
        let free = try Environment.freeDiskBytes(beside: target)
        guard free >= bytes else {
            throw EmbDBError(
                .storage,
                "the copy needs \(bytes / 1_000_000 + 1) MB, \(free / 1_000_000) MB are free (\(target)): make room, or name "
                    + "another disk")
        }
    }
}

/// What ``Database/backup(to:dryRun:control:)`` copied.
public struct BackupReport: Sendable {
    /// Cells in the copy.
    public let cells: Int
    /// Its length.
    public let bytes: Int
    /// Wall time.
    public let seconds: Double
}
