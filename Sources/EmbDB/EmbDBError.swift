/// What went wrong, where, and what to do: the one error type of `import EmbDB`.
public struct EmbDBError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, for programs to branch on.
    public enum Code: String, Sendable {
        /// No database at the path.
        case notFound
        /// The file is something else than a database of this program.
        case notADatabase
        /// The database was written by a newer version.
        case newerFormat
        /// The database contradicts itself.
        case corrupted
        /// Another process is writing.
        case locked
        /// The disk is full, or reading or writing failed.
        case storage
        /// An unfinished ingest of something else is pending.
        case pendingIngest
        /// Cell ids that are in the database already, or twice in the input.
        case duplicateCells
        /// The model contradicts the one in the database, or cannot be used.
        case model
        /// The input file cannot be read, or holds what it must not.
        case input
        /// An expression over obs is wrong.
        case expression
        /// No such cell.
        case unknownCell
        /// No such gene in the vocabulary.
        case unknownGene
        /// Options that contradict each other or are out of range.
        case usage
        /// All is valid, but nothing was selected or found.
        case nothingFound
        /// Stopped by the caller; what was committed stays.
        case cancelled
    }

    /// The kind of failure.
    public let code: Code
    /// One line: what is wrong (where): what to do.
    public let message: String
    /// Lines to be shown before the message: an expression's text and a caret below what is wrong with it.
    public let details: String?
    /// The error of the layer below, if there was one.
    public let underlying: (any Error & Sendable)?

    init(_ code: Code, _ message: String, details: String? = nil, underlying: (any Error & Sendable)? = nil) {
        self.code = code
        self.message = message
        self.details = details
        self.underlying = underlying
    }

    /// One line: what is wrong (where): what to do.
    public var description: String { message }
}
