internal import AnnData
internal import CellTransformer
internal import Checkpoints
internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension EmbDBError {
    /// The error of a layer below as ours; one of ours stays as it is.
    package init(wrapping error: any Error, otherwise code: Code = .storage) {
        switch error {
        case let error as EmbDBError:
            self = error
        case let error as AnnDataError:
            self.init(Self.code(of: error), error.description, underlying: error)
        case let error as StoreError:
            self.init(Self.code(of: error), error.description, underlying: error)
        case let error as TokenizerError:
            self.init(Self.code(of: error), error.description, underlying: error)
        case let error as ExpressionError:
            self.init(.expression, error.message, details: error.details, underlying: error)
        case let error as CheckpointError:
            self.init(.model, error.description, underlying: error)
        case let error as TransformerError:
            // Of these two the cell says nothing.
            let isOfCell = ![.stopped, .notEnoughMemory].contains(error.code)
            self.init(
                Self.code(of: error), isOfCell ? error.description : error.detail, underlying: error)
        default:
            self.init(code, "\(error)")
        }
    }

    private static func code(of error: AnnDataError) -> Code {
        switch error.code {
        case .stopped: .cancelled
        case .temporaryStorage, .notWritten: .storage
        default: .input
        }
    }

    private static func code(of error: StoreError) -> Code {
        switch error.code {
        case .notFound: .notFound
        case .notADatabase: .notADatabase
        case .truncated, .corrupted, .outOfRange: .corrupted
        case .versionMismatch: .newerFormat
        case .locked: .locked
        default: .storage
        }
    }

    private static func code(of error: TransformerError) -> Code {
        switch error.code {
        case .stopped: .cancelled
        case .notEnoughMemory: .memory
        default: .model
        }
    }

    private static func code(of error: TokenizerError) -> Code {
        switch error.code {
        case .unknownGene, .ambiguousGene: .unknownGene
        case .noKnownGene: .input
        case .invalidRequest: .usage
        case .malformedCell: .corrupted
        default: .model
        }
    }
}

/// Runs `body` and turns whatever it throws into ``EmbDBError``.
func withEmbDBErrors<R>(_ body: () throws -> R) throws(EmbDBError) -> R {
    do {
        return try body()
    } catch {
        throw EmbDBError(wrapping: error)
    }
}
