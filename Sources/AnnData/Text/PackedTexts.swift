/// A column of texts in memory, as one piece: what a file of text says of cells or features.
struct PackedTexts: ElementSource {
    let path: String
    private var bytes: [UInt8] = []
    /// Where each text ends.
    private var ends: [Int] = []

    init(path: String) { self.path = path }

    var count: Int { ends.count }

    mutating func append(_ text: ArraySlice<UInt8>) {
        bytes += text
        ends.append(bytes.count)
    }

    /// What describes the texts to a `Column`.
    func dataset(_ name: String) -> DatasetInfo { DatasetInfo(path: name, type: .string, shape: [count]) }

    func readStrings(_ dataset: DatasetInfo, _ range: Range<Int>) throws(AnnDataError) -> [String] {
        range.map { row in String(decoding: bytes[(row == 0 ? 0 : ends[row - 1])..<ends[row]], as: UTF8.self) }
    }

    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Double]) throws(AnnDataError) {
        throw noNumbers(dataset)
    }

    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Float]) throws(AnnDataError) {
        throw noNumbers(dataset)
    }

    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Int]) throws(AnnDataError) {
        throw noNumbers(dataset)
    }

    private func noNumbers(_ dataset: DatasetInfo) -> AnnDataError {
        AnnDataError(.unsupportedEncoding, file: path, path: dataset.path, "\(dataset.path) holds no numbers")
    }
}
