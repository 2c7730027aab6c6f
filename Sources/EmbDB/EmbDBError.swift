/// What went wrong, where, and what to do: the one error type of `import EmbDB`.
public struct EmbDBError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, for programs to branch on. Later versions may add kinds: a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The name of the kind, as it is written in code.
        public let description: String

        private init(_ name: String) { description = name }

        /// No database at the path.
        public static let notFound = Code("notFound")
        /// The file is something else than a database of this program.
        public static let notADatabase = Code("notADatabase")
        /// The database was written by a newer version.
        public static let newerFormat = Code("newerFormat")
        /// The database contradicts itself.
        public static let corrupted = Code("corrupted")
        /// Another process is writing.
        public static let locked = Code("locked")
        /// The disk is full, or reading or writing failed.
        public static let storage = Code("storage")
        /// The system refuses memory.
        public static let memory = Code("memory")
        /// An unfinished ingest of something else is pending.
        public static let pendingIngest = Code("pendingIngest")
        /// Cell ids that are in the database already, or twice in the input.
        public static let duplicateCells = Code("duplicateCells")
        /// The model contradicts the one in the database, or cannot be used.
        public static let model = Code("model")
        /// The input file cannot be read, or holds what it must not.
        public static let input = Code("input")
        /// An expression over obs is wrong.
        public static let expression = Code("expression")
        /// No such cell.
        public static let unknownCell = Code("unknownCell")
        /// No such gene in the vocabulary.
        public static let unknownGene = Code("unknownGene")
        /// Options that contradict each other or are out of range.
        public static let usage = Code("usage")
        /// All is valid, but nothing was selected or found.
        public static let nothingFound = Code("nothingFound")
        /// Stopped by the caller; what was committed stays.
        public static let cancelled = Code("cancelled")
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
        self.message = message.withoutControlCharacters
        self.details = details?.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0).withoutControlCharacters }.joined(separator: "\n")
        self.underlying = underlying
    }

    /// One line: what is wrong (where): what to do.
    public var description: String { message }
}

extension String {
    /// With control characters and line ends escaped, as `\n` or `\u{1B}`: messages quote names from files, which must
    /// not make a second line or command the terminal.
    var withoutControlCharacters: String {
        func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && !(0x2028...0x2029).contains(scalar.value)
        }
        if unicodeScalars.allSatisfy(isHarmless) { return self }
        return unicodeScalars.map { isHarmless($0) ? String($0) : $0.escaped(asASCII: true) }.joined()
    }
}
