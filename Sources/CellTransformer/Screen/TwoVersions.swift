/// A cell of which some gene is deleted reads each token at one of two positions: its own (version A) if it stands before
/// that gene, the one before (version B) if behind it.
///
/// In the background `start` the tokens before position `start` are in version A, the others in version B, and none is
/// deleted: a sequence of all tokens, near to what the deletion of token `start` − 1 leaves. Both versions of every token
/// are run against the keys and values of the background.
///
/// The rows: first the background, in the order of the tokens, then the other version of each token.
struct TwoVersions {
    let length: Int
    /// From 1.
    let start: Int

    /// Row of a token's version A.
    func rowA(_ token: Int) -> Int { token < start ? token : length + token }
    /// Row of a token's version B. That of the first token, which is never read, stands at position 0.
    func rowB(_ token: Int) -> Int { token < start ? length + token : token }

    var pieces: [TokenPiece] {
        [
            TokenPiece(tokens: 0..<start, firstPosition: 0, row: 0),
            TokenPiece(tokens: start..<length, firstPosition: start - 1, row: start),
            TokenPiece(tokens: 0..<1, firstPosition: 0, row: length),
            TokenPiece(tokens: 1..<start, firstPosition: 0, row: length + 1),
            TokenPiece(tokens: start..<length, firstPosition: start, row: length + start),
        ]
    }

    /// Of the background's tokens.
    var positions: [Int] { (0..<length).map { $0 < start ? $0 : $0 - 1 } }
}
