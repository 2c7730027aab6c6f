/// Why a model cannot be made or a cell cannot be run through it.
package struct TransformerError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. New kinds may come with later versions.
    package struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The name of the kind.
        package let rawValue: String
        /// A kind of this name.
        package init(rawValue: String) { self.rawValue = rawValue }
        /// The name of the kind.
        package var description: String { rawValue }

        /// A size of the configuration is out of range or does not fit another one.
        package static let wrongConfiguration = Code(rawValue: "wrongConfiguration")
        /// A cell without tokens.
        package static let noTokens = Code(rawValue: "noTokens")
        /// A cell longer than the model has positions, or than the workspace was made for.
        package static let tooManyTokens = Code(rawValue: "tooManyTokens")
        /// A token that the model's vocabulary does not have.
        package static let unknownToken = Code(rawValue: "unknownToken")
        /// A layer that the model does not have, or that was not computed.
        package static let noSuchLayer = Code(rawValue: "noSuchLayer")
        /// A position that the cell does not have.
        package static let noSuchPosition = Code(rawValue: "noSuchPosition")
        /// The caller asked to stop between two cells.
        package static let stopped = Code(rawValue: "stopped")
        /// A hidden state that is not finite, or far larger than a layer norm gives.
        package static let unusableHiddenState = Code(rawValue: "unusableHiddenState")
        /// The system refuses memory.
        package static let notEnoughMemory = Code(rawValue: "notEnoughMemory")
        /// A loss or a gradient that is not finite.
        package static let notFinite = Code(rawValue: "notFinite")
        /// The checkpoint has no masked-gene head, so there are no logits.
        package static let noLanguageModelHead = Code(rawValue: "noLanguageModelHead")
    }

    /// The kind of failure.
    package let code: Code
    /// Which cell of those that were asked for, from 0; nil if it is about a single one or about none.
    package let cell: Int?
    /// What is wrong and what to do.
    package let detail: String

    /// A failure of kind `code`.
    package init(_ code: Code, cell: Int? = nil, detail: String) {
        self.code = code
        self.cell = cell
        self.detail = detail
    }

    /// One line: what is wrong and, of several cells, in which one.
    package var description: String {
        if let cell { return "cell \(cell) of the batch: \(detail)" }
        return detail
    }
}
