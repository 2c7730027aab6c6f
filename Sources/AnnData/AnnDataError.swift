/// What is wrong with a file of cells, where in it, and what to do.
public struct AnnDataError: Error, Sendable, CustomStringConvertible {
    /// The kind of the failure, for programs.
    public enum Code: String, Sendable {
        case notFound, isDirectory, permissionDenied, empty, notHDF5
        /// The file ends before what its header promises.
        case truncated
        /// The HDF5 library reports an inconsistency, crashes, or does not come to an end.
        case damaged
        /// Not an .h5ad, though HDF5.
        case notAnnData
        /// A group, column or layer that is not in the file.
        case noSuchElement
        /// An encoding, element type or filter that is not read.
        case unsupportedEncoding
        /// Parts of the file contradict one another.
        case inconsistent
        case negativeCount, fractionalCount, notANumber, infiniteValue
        /// A count of 2^53 or more, which a double does not hold exactly.
        case countTooLarge
        /// Sizes beyond what is read: an HDF5 chunk above 1 GiB, a category beyond Int32, …
        case tooLarge
        /// The child process that reads HDF5 could not be started.
        case readerNotStarted
        /// A file that is to be written cannot be: no such folder, no permission, a full disk, …
        case notWritten
    }

    /// The kind of the failure.
    public let code: Code
    /// The file as the caller named it.
    public let file: String
    /// The element inside of the file, such as `layers/counts/indices`.
    public let path: String?
    /// Row (cell, or entry of a column), from 0.
    public let row: Int?
    /// Column (gene), from 0.
    public let column: Int?
    /// The offending value.
    public let value: Double?
    /// What is wrong, without the place.
    public let detail: String
    /// What to do about it; nil for what the kind of failure tells.
    public let advice: String?

    package init(
        _ code: Code, file: String, path: String? = nil, row: Int? = nil, column: Int? = nil, value: Double? = nil,
        _ detail: String, advice: String? = nil
    ) {
        self.code = code
        self.file = file
        self.path = path
        self.row = row
        self.column = column
        self.value = value
        self.detail = detail
        self.advice = advice
    }

    /// One line: what is wrong (where): what to do.
    public var description: String {
        var place = file
        if let path { place += ", " + path }
        if let row { place += ", row \(row)" }
        if let column { place += ", column \(column)" }
        if let value { place += ", value " + (Int(exactly: value).map { "\($0)" } ?? "\(value)") }
        let line = "\(detail) (\(place)): \(advice ?? code.advice)"
        // Names come from the file: no line breaks, no orders to a terminal.
        return String(
            String.UnicodeScalarView(
                line.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}

extension AnnDataError.Code {
    /// What helps against most failures of the kind.
    var advice: String {
        switch self {
        case .notFound: "check the path"
        case .isDirectory: "name an .h5ad file"
        case .permissionDenied: "check who may read it"
        case .empty, .truncated, .damaged: "copy or download it again"
        case .notHDF5, .notAnnData: "give an .h5ad file as anndata writes it"
        case .noSuchElement: "choose one that is in the file"
        case .unsupportedEncoding, .inconsistent: "read it and write it again with a current anndata"
        case .negativeCount, .notANumber, .infiniteValue, .countTooLarge:
            "raw counts are needed; name another matrix by --layer, or mend the file"
        case .fractionalCount:
            "raw counts are needed; name another matrix by --layer, mend the file, or give --values normalized"
        case .tooLarge: "split the file, or store it with smaller chunks"
        case .notWritten: "check the folder, its permissions and the space on its disk"
        case .readerNotStarted: "free memory and processes, and try again"
        }
    }
}
