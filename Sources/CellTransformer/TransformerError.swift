/// Why a model cannot be made or a cell cannot be run through it.
public struct TransformerError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. New kinds may come with later versions.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The name of the kind.
        public let rawValue: String
        /// A kind of this name.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// The name of the kind.
        public var description: String { rawValue }

        /// A size of the configuration is out of range or does not fit another one.
        public static let wrongConfiguration = Code(rawValue: "wrongConfiguration")
        /// A cell without tokens.
        public static let noTokens = Code(rawValue: "noTokens")
        /// A cell longer than the model has positions, or than the workspace was made for.
        public static let tooManyTokens = Code(rawValue: "tooManyTokens")
        /// A token that the model's vocabulary does not have.
        public static let unknownToken = Code(rawValue: "unknownToken")
        /// A layer that the model does not have, or that was not computed.
        public static let noSuchLayer = Code(rawValue: "noSuchLayer")
        /// A position that the cell does not have.
        public static let noSuchPosition = Code(rawValue: "noSuchPosition")
        /// The caller asked to stop between two cells.
        public static let stopped = Code(rawValue: "stopped")
        /// A hidden state that is not finite, or far larger than a layer norm gives.
        public static let unusableHiddenState = Code(rawValue: "unusableHiddenState")
        /// The checkpoint has no masked-gene head, so there are no logits.
        public static let noLanguageModelHead = Code(rawValue: "noLanguageModelHead")
    }

    /// The kind of failure.
    public let code: Code
    /// Which cell of those that were asked for, from 0; nil if it is about a single one or about none.
    public let cell: Int?
    /// What is wrong and what to do.
    public let detail: String

    /// A failure of kind `code`.
    public init(_ code: Code, cell: Int? = nil, detail: String) {
        self.code = code
        self.cell = cell
        self.detail = detail
    }

    /// One line: what is wrong and, of several cells, in which one.
    public var description: String {
        if let cell { return "cell \(cell) of the batch: \(detail)" }
        return detail
    }
}
