import AnnData
import Foundation

/// The files that Tools/make_h5ad_fixtures.py wrote, and what is in them.
enum Fixture {
    static let cells = 23
    static let genes = 17

    /// The script's `count`.
    static func count(_ cell: Int, _ gene: Int) -> Double {
        (cell * 7 + gene * 13) % 5 == 0 && cell != 4 ? Double((cell + 2 * gene) % 9 + 1) : 0
    }

    /// The rows `rows` of the matrix, as dictionaries from gene to count.
    static func rows(_ rows: Range<Int>, genes: Int = genes) -> [[Int32: Double]] {
        rows.map { cell in
            Dictionary(
                uniqueKeysWithValues: (0..<genes).filter { count(cell, $0) != 0 }.map { (Int32($0), count(cell, $0)) })
        }
    }

    static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name).h5ad").path
    }
}

extension CountBatch {
    var dictionaries: [[Int32: Double]] {
        (0..<rowCount).map { row in
            Dictionary(uniqueKeysWithValues: entries(row).map { (indices[$0], values[$0]) })
        }
    }

    var isSorted: Bool {
        (0..<rowCount).allSatisfy { row in
            zip(entries(row), entries(row).dropFirst()).allSatisfy { indices[$0] < indices[$1] }
        }
    }
}

/// The error that `body` throws; nil if it throws none.
func thrown(_ body: () throws(AnnDataError) -> Void) -> AnnDataError? {
    do throws(AnnDataError) {
        try body()
        return nil
    } catch {
        return error
    }
}
