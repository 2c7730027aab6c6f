import CellTransformer

/// Few cells to learn from.
struct CellsInMemory: TrainingCells {
    private let cells: [[UInt32]]

    init(_ cells: [[UInt32]]) { self.cells = cells }

    var count: Int { cells.count }
    func length(_ cell: Int) -> Int { cells[cell].count }
    func tokens(_ cell: Int) -> [UInt32] { cells[cell] }
}
