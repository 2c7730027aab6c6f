internal import LMDBStore

/// A column's values as numbers that are equal where the values are.
struct ComparableColumn {
    let name: String
    /// By row; nil for missing ones.
    let values: [UInt64?]
    /// Of texts that cells have; empty for a column of numbers.
    private var numbers: [String: UInt64] = [:]
    private let read: @Sendable (String) -> UInt64?

    /// - Throws: ``EmbDBError/Code/usage`` if there is no such column; what reading it throws.
    init(
        _ name: String, option: String, _ snapshot: Snapshot, path: String, in transaction: borrowing ReadTransaction
    ) throws {
        guard let number = snapshot.state.columns.firstIndex(where: { $0.name == name }) else {
            throw EmbDBError(
                .usage,
                "\(option) \(name): there is no such obs column (\(path)): "
                    + obsColumnAdvice(for: name, among: snapshot.state.columns.map(\.name)))
        }
        self.name = name
        switch try StoredObs.column(number, state: snapshot.state, in: transaction) {
        case .categories(let codes, let names):
            values = codes.map { $0 < 0 ? nil : UInt64($0) }
            numbers = Dictionary(names.enumerated().map { ($1, UInt64($0)) }, uniquingKeysWith: { first, _ in first })
            read = { _ in nil }
        case .numbers(let all):
            // −0 is 0.
            values = all.map { $0.isNaN ? nil : ($0 + 0).bitPattern }
            read = { Double($0).flatMap { $0.isNaN ? nil : ($0 + 0).bitPattern } }
        case .integers(let all):
            values = all.map { $0 == .min ? nil : UInt64(bitPattern: $0) }
            // A column with a missing value is one of floats in pandas: 1 is written 1.0 there.
            read = { text in
                (Int64(text) ?? Double(text).flatMap { Int64(exactly: $0) }).map { UInt64(bitPattern: $0) }
            }
        case .text(let texts):
            var found: [String: UInt64] = [:]
            for case let text? in texts where found[text] == nil { found[text] = UInt64(found.count) }
            values = texts.map { $0.flatMap { found[$0] } }
            numbers = found
            read = { _ in nil }
        }
    }

    /// The number of a value that is given as text; nil if no cell has it.
    func number(of text: String) -> UInt64? { numbers[text] ?? read(text) }
}
