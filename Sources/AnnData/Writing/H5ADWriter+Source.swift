extension H5ADWriter {
    /// Whether `source`, a file that can be read, is an .h5ad, so that a copy of it can get new columns; false for
    /// other formats.
    ///
    /// - Throws: `unsupportedEncoding` for an .h5ad that is too old for that.
    package static func canCopy(_ source: String) throws(AnnDataError) -> Bool {
        do throws(AnnDataError) {
            _ = try CopiedLayout(source)
            return true
        } catch {
            switch error.code {
            case .notAnnData, .notHDF5, .isDirectory: return false
            default: throw error
            }
        }
    }
}
