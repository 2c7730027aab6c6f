/// Where the elements of datasets come from: an HDF5 file, or for formats of text what was parsed from them.
///
/// The arrays are emptied first and keep their memory. `start` and `count` have one number per dimension.
protocol ElementSource: Sendable {
    /// The file as the caller named it, for errors.
    var path: String { get }

    /// Numbers or booleans as doubles; integers beyond 2^53 are rounded.
    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Double]) throws(AnnDataError)
    /// Numbers or booleans as floats.
    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Float]) throws(AnnDataError)
    /// Integers or booleans. Values above Int64's become Int64.max, which no check of a range lets pass.
    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Int]) throws(AnnDataError)
    /// The texts of a part of a one-dimensional dataset.
    func readStrings(_ dataset: DatasetInfo, _ range: Range<Int>) throws(AnnDataError) -> [String]
}

extension HDF5File: ElementSource {}
