internal import CLMDB
internal import Glibc

/// What went wrong with a database file: a code to decide by, the place, and one line for people.
package struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure.
    package enum Code: String, Sendable {
        /// There is no such file.
        case notFound
        /// The file is something else, or empty.
        case notADatabase
        /// Pages that hold data are missing at the end of the file.
        case truncated
        /// The content contradicts itself.
        case corrupted
        /// Another writer holds the file, or this thread already writes to it.
        case locked
        /// A write through an environment, or to a file or folder, that may only be read.
        case readOnly
        /// The operating system refuses access.
        case permission
        /// The file outgrew the address space that this process may map.
        case mapFull
        /// The disk, the quota or the largest allowed file is full.
        case diskFull
        /// Reading or writing failed.
        case io
        /// Too many read transactions at once, over all processes.
        case tooManyReaders
        /// Too many tables.
        case tooManyTables
        /// One transaction changes more than LMDB can keep.
        case transactionTooLarge
        /// Written by an LMDB with another file format.
        case versionMismatch
        /// A key (or a table's name) is empty or too long, or not above the last one of an append.
        case badKey
        /// Rows outside of a block column.
        case outOfRange
        /// LMDB gave up on this environment: it must be opened again.
        case needsReopening
        /// Anything else that the system reported.
        case other
    }

    /// What kind of failure.
    package let code: Code
    /// The database file.
    package let path: String
    /// The table in it, if the failure is in one.
    package let table: String?
    /// The block of a block column, if the failure is in one.
    package let block: Int?
    /// `errno` or LMDB's code, if one of them spoke.
    package let systemCode: CInt?
    /// Bytes that are missing at the end (`truncated`).
    package let missingBytes: UInt64?
    /// What is wrong, without the place.
    package let reason: String
    /// What to do, empty if there is nothing to say.
    package let advice: String

    package init(
        _ code: Code, path: String, table: String? = nil, block: Int? = nil, systemCode: CInt? = nil,
        missingBytes: UInt64? = nil, reason: String, advice: String = ""
    ) {
        self.code = code
        self.path = path
        self.table = table
        self.block = block
        self.systemCode = systemCode
        self.missingBytes = missingBytes
        self.reason = reason
        self.advice = advice
    }

    /// One line: what is wrong (where): what to do.
    package var description: String {
        var place = path
        if let table { place += ", table \(table)" }
        if let block { place += ", block \(block)" }
        return "\(reason) (\(place))" + (advice.isEmpty ? "" : ": \(advice)")
    }
}

extension StoreError {
    /// The error for a code that LMDB (`MDB_…`) or the system (`errno`) returned while it was `doing` something.
    init(systemCode: CInt, path: String, table: String? = nil, doing: String) {
        let text = String(cString: mdb_strerror(systemCode))
        let (code, reason, advice): (Code, String, String) =
            switch systemCode {
            case ENOENT:
                (.notFound, "there is no such file", "check the path")
            case EACCES, EPERM:
                (.permission, "no permission for \(doing)", "check who owns the file, its folder and its -lock file")
            case EROFS:
                (.readOnly, "the file system is read-only, \(doing) failed", "copy the file to where it can be written")
            case ENOSPC, EDQUOT:
                (.diskFull, "the disk is full, \(doing) failed", "free some space; nothing that was committed is lost")
            case EFBIG:
                (
                    .diskFull, "the file may not grow further, \(doing) failed",
                    "raise the file size limit (ulimit -f); nothing that was committed is lost"
                )
            case MDB_MAP_FULL, MDB_MAP_RESIZED, ENOMEM:
                (
                    .mapFull, "not enough address space to map the file, \(doing) failed",
                    "raise the limit of address space (ulimit -v) and open it again"
                )
            case MDB_INVALID:
                (.notADatabase, "not an embdb database", "name a file that embdb wrote")
            case MDB_VERSION_MISMATCH:
                (.versionMismatch, "written by another version of LMDB", "use the LMDB that wrote it")
            case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_CURSOR_FULL, MDB_INCOMPATIBLE:
                (.corrupted, "the file is damaged, \(doing) failed (\(text))", "restore it from a copy")
            case MDB_PANIC:
                (.needsReopening, "an earlier failure left the database unusable", "close it and open it again")
            case MDB_READERS_FULL:
                (.tooManyReaders, "too many readers at once", "close some of the processes that read it")
            case MDB_DBS_FULL:
                (.tooManyTables, "too many tables", "store fewer obs columns")
            case MDB_TXN_FULL:
                (.transactionTooLarge, "one transaction changes too much", "commit in smaller batches")
            case EIO:
                (.io, "the disk failed at \(doing)", "check the disk and the system log")
            default:
                (systemCode > 0 ? .io : .other, "\(doing) failed, \(text)", "check the disk and the system log")
            }
        self.init(code, path: path, table: table, systemCode: systemCode, reason: reason, advice: advice)
    }
}
