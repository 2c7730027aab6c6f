/// The names most like `name`, nearest first: what an error about a wrong name proposes. Upper and lower case count
/// as equal; a name that holds the other one counts as near. O(names × length²).
package func nearestNames(to name: String, in names: [String], atMost limit: Int = 3) -> [String] {
    let wanted = Array(name.lowercased().utf8.prefix(64))
    // Among equally near ones that with fewer edits goes first: a name that only holds `name` may be much longer.
    var found: [(distance: Int, edits: Int, order: Int)] = []
    for (order, candidate) in names.enumerated() {
        let other = Array(candidate.lowercased().utf8.prefix(64))
        let edits = editDistance(wanted, other)
        var distance = edits
        if contains(other, wanted) { distance = min(distance, 1) }
        if contains(wanted, other) { distance = min(distance, 2) }
        if distance <= max(2, wanted.count / 3) { found.append((distance, edits, order)) }
    }
    found.sort { ($0.distance, $0.edits, $0.order) < ($1.distance, $1.edits, $1.order) }
    return found.prefix(limit).map { names[$0.order] }
}

/// Levenshtein's distance in bytes.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            let substituted = diagonal + (x == y ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
        }
    }
    return row[b.count]
}

private func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
    guard part.count >= 3, part.count <= text.count else { return false }
    return (0...text.count - part.count).contains { text[$0..<$0 + part.count].elementsEqual(part) }
}
