/// What is wrong with a file of cells, where in it, and what to do.
package struct AnnDataError: Error, Sendable, CustomStringConvertible {
    /// The kind of the failure, for programs.
    package enum Code: String, Sendable {
        case notFound, isDirectory, permissionDenied, empty, notHDF5
        /// A format that is known and not read: zarr, R objects, tables of text, archives, …
        case unsupportedFormat
        /// The file ends before what its header promises.
        case truncated
        /// The HDF5 library reports an inconsistency, crashes, or does not come to an end.
        case damaged
        /// HDF5, but no file of cells, or one that lacks a part.
        case notAnnData
        /// A group, column or layer that is not in the file.
        case noSuchElement
        /// An encoding, element type or filter that is not read.
        case unsupportedEncoding
        /// A line of a text file is not what the format says.
        case malformed
        /// Parts of the file contradict one another.
        case inconsistent
        case negativeCount, fractionalCount, notANumber, infiniteValue
        /// A count of 2^53 or more, which a double does not hold exactly.
        case countTooLarge
        /// Sizes beyond what is read: an HDF5 chunk above 1 GiB, a category beyond Int32, …
        case tooLarge
        /// The child process that reads HDF5 could not be started.
        case readerNotStarted
        /// The temporary file of a matrix of text cannot be written.
        case temporaryStorage
        /// Stopped by the caller.
        case stopped
        /// A file that is to be written cannot be: no such folder, no permission, a full disk, …
        case notWritten
    }

    /// The kind of the failure.
    package let code: Code
    /// The file as the caller named it.
    package let file: String
    /// The element inside of the file, such as `layers/counts/indices`.
    package let path: String?
    /// Line of a text file, from 1.
    package let line: Int?
    /// Row (cell, or entry of a column), from 0.
    package let row: Int?
    /// Column (gene), from 0.
    package let column: Int?
    /// The offending value.
    package let value: Double?
    /// What is wrong, without the place.
    package let detail: String
    /// What to do about it; nil for what the kind of failure tells.
    package let advice: String?

    package init(
        _ code: Code, file: String, path: String? = nil, line: Int? = nil, row: Int? = nil, column: Int? = nil,
        value: Double? = nil,
        _ detail: String, advice: String? = nil
    ) {
        self.code = code
        self.file = file
        self.path = path
        self.line = line
        self.row = row
        self.column = column
        self.value = value
        self.detail = detail
        self.advice = advice
    }

    /// One line: what is wrong (where): what to do.
    package var description: String {
        var place = file
        if let path { place += ", " + path }
        if let line { place += ", line \(line)" }
        if let row { place += ", row \(row)" }
        if let column { place += ", column \(column)" }
        if let value { place += ", value " + (Int(exactly: value).map { "\($0)" } ?? "\(value)") }
        let text = "\(detail) (\(place)): \(advice ?? code.advice)"
        // Names come from the file: no line breaks, no orders to a terminal.
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}

extension AnnDataError.Code {
    /// What helps against most failures of the kind.
    var advice: String {
        switch self {
        case .notFound: "check the path"
        case .isDirectory: "name a file, or a folder of matrix.mtx, barcodes.tsv and features.tsv"
        case .permissionDenied: "check who may read it"
        case .empty, .truncated, .damaged: "copy or download it again"
        case .notHDF5, .notAnnData, .unsupportedFormat: "give an .h5ad, a .loom, a 10x .h5 or a 10x mtx folder"
        case .noSuchElement: "choose one that is there, or get a whole copy of the file"
        case .malformed: "mend the line, or get a fresh copy of the file"
        case .unsupportedEncoding, .inconsistent: "read it and write it again with a current anndata"
        case .negativeCount, .notANumber, .infiniteValue, .countTooLarge:
            "raw counts are needed; if the file has another matrix, name it by --layer, or mend the file"
        case .fractionalCount:
            "raw counts are needed; if the file has another matrix, name it by --layer, or mend the file, or give --values normalized"
        case .tooLarge: "split the file, or store it with smaller chunks"
        case .temporaryStorage: "free some space, or set TMPDIR to a folder on a larger disk"
        case .stopped: "run it again"
        case .notWritten: "check the folder, its permissions and the space on its disk"
        case .readerNotStarted: "free memory and processes, and try again"
        }
    }
}
