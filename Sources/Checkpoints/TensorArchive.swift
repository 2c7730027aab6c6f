/// A file of named tensors, whatever its format. Opening reads the directory only; values are read when asked for.
package protocol TensorArchive: Sendable {
    /// The file, as the caller named it; for messages.
    var file: String { get }
    /// Names of all tensors, sorted.
    var tensorNames: [String] { get }
    /// Shape of a tensor, outermost dimension first, [] for a scalar; nil if there is none of that name.
    func shape(of name: String) -> [Int]?
    /// Element type of a tensor; nil if there is none of that name.
    func type(of name: String) -> TensorType?
    /// All values of a tensor, row-major, converted to `Float` (exactly where the type allows, else rounded to
    /// nearest; a Boolean is 0 or 1).
    ///
    /// - Throws: ``CheckpointError`` `missingTensor` if there is none of that name, `unsupported` for a type that
    ///   is no plain number, `notReadable` or `malformed` if the file does not give the bytes.
    func floats(_ name: String) throws(CheckpointError) -> [Float]
}
