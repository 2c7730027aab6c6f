/// The medoids' codes side by side: one sequential scan finds where a walk starts.
struct EntryTable: Sendable {
    let rows: [UInt32]
    private let codes: [UInt8]
    private let scales: [Float]

    /// Entries that are no nodes of the graph are left out.
    init(medoids: [UInt32], nodes: Int, in set: VectorRows) {
        let rows = medoids.filter { Int($0) < nodes }
        var codes: [UInt8] = []
        var scales: [Float] = []
        codes.reserveCapacity(rows.count * set.codeStride)
        for row in rows {
            codes.append(contentsOf: UnsafeBufferPointer(start: set.code(Int(row)), count: set.codeStride))
            scales.append(contentsOf: UnsafeBufferPointer(start: set.scale(Int(row)), count: 2))
        }
        self.rows = rows
        self.codes = codes
        self.scales = scales
    }

    /// Hands out (row, distance) of the first `count` entries.
    @inline(__always)
    func distances(
        count: Int, stride: Int, _ query: borrowing CodedQuery, _ batch: inout CodeBatch, _ body: (Int, Float) -> Void
    ) {
        codes.withUnsafeBufferPointer { codes in
            scales.withUnsafeBufferPointer { scales in
                guard let code = codes.baseAddress, let scale = scales.baseAddress else { return }
                for index in 0..<min(count, rows.count) {
                    batch.append(Int(rows[index]), code: code + index * stride, scale: scale + 2 * index, query)
                    if batch.isFull { batch.flush(query, stride: stride) { body($1, $2) } }
                }
                batch.flush(query, stride: stride) { body($1, $2) }
            }
        }
    }
}
