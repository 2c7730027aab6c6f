internal import AnnData

/// What to do about an obs column that is not there: the end of an error's line.
func obsColumnAdvice(for name: String, among columns: [String]) -> String {
    if columns.isEmpty { return "there are no obs columns" }
    let near = nearestNames(to: name, in: columns)
    if !near.isEmpty { return "did you mean \(near.joined(separator: " or "))?" }
    return "there is \(columns.prefix(10).joined(separator: ", "))" + (columns.count > 10 ? ", …" : "")
}
