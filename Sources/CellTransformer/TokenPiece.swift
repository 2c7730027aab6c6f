/// Tokens of a cell in neighboring rows of a workspace, at neighboring positions.
struct TokenPiece {
    let tokens: Range<Int>
    let firstPosition: Int
    let row: Int
}
