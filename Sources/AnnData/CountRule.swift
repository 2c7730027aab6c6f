/// Which values a count matrix may hold.
package enum CountRule: Sendable {
    /// Whole numbers from 0 to below 2^53.
    case counts
    /// Any finite value from 0.
    case normalized

    /// 2^53: from here on a double does not tell neighbors apart.
    static let limit = 9_007_199_254_740_992.0

    @inline(__always)
    func allows(_ value: Double) -> Bool {
        switch self {
        case .counts: value >= 0 && value < Self.limit && Double(Int64(value)) == value
        case .normalized: value >= 0 && value < .infinity
        }
    }

    /// The error of a value that is not allowed.
    func error(_ value: Double, file: String, path: String, row: Int, column: Int) -> AnnDataError {
        let (code, detail): (AnnDataError.Code, String) =
            if value.isNaN {
                (.notANumber, "a count is NaN")
            } else if value < 0 {
                (.negativeCount, "a count is negative")
            } else if value.isInfinite {
                (.infiniteValue, "a count is infinite")
            } else if value >= Self.limit {
                (.countTooLarge, "a count is 2^53 or more")
            } else {
                (.fractionalCount, "a count is no whole number")
            }
        return AnnDataError(code, file: file, path: path, row: row, column: column, value: value, detail)
    }
}
