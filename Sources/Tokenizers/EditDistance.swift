/// Levenshtein's distance with swaps of neighbors (optimal string alignment) between `a` and `b`; nil if it is
/// above `most`. O(a × b).
func editDistance(_ a: [UInt8], _ b: [UInt8], most: Int) -> Int? {
    guard abs(a.count - b.count) <= most else { return nil }
    var before = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    var current = before
    for i in 0..<a.count {
        current[0] = i + 1
        for j in 0..<b.count {
            var distance = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { distance = min(distance, before[j - 1] + 1) }
            current[j + 1] = distance
        }
        (before, previous, current) = (previous, current, before)
    }
    return previous[b.count] <= most ? previous[b.count] : nil
}
