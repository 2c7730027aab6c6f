/// The bytes of a ranked cell in the database.
///
/// Little-endian, without padding:
///
///     u8      format, 1
///     u8      flags: bit 0: tokens are u32 instead of u16
///                    bits 1–2: counts are 0 varints, 1 f32, 2 f64
///                    bit 3: the total is f64 instead of a varint
///     total   varint or f64
///     varint  number of genes n
///     tokens  n × u16 or u32, in rank order
///     counts  n × varint, f32 or f64, in the same order
///
/// A varint is LEB128: 7 bits a byte, lowest first, bit 7 set on all but the last byte; at most 8 bytes. Counts are
/// varints if all are whole numbers, f32 if that keeps them exactly, else f64. Nothing follows.
package enum StoredCell {
    private static let format: UInt8 = 1
    private static let wideTokens: UInt8 = 1
    private static let floatTotal: UInt8 = 8
    private enum CountKind: UInt8 { case whole, float, double }

    /// Whole numbers up to 2⁵³ are exact in a `Double`.
    private static let largestWhole = 9_007_199_254_740_992.0

    private static func isWhole(_ value: Double) -> Bool {
        value >= 0 && value <= largestWhole && value == value.rounded(.towardZero)
    }

    /// Appends the bytes of `cell`: about 3 bytes a gene for counts of transcripts.
    package static func append(_ cell: RankedCell, to bytes: inout [UInt8]) {
        precondition(cell.tokens.count == cell.counts.count, "one count for each token")
        let isWide = cell.tokens.contains { $0 > 0xFFFF }
        let kind: CountKind =
            cell.counts.allSatisfy(isWhole)
            ? .whole : cell.counts.allSatisfy { Double(Float($0)) == $0 } ? .float : .double
        let isWholeTotal = isWhole(cell.total)
        bytes.append(format)
        bytes.append((isWide ? wideTokens : 0) | kind.rawValue << 1 | (isWholeTotal ? 0 : floatTotal))
        if isWholeTotal { appendVarint(UInt64(cell.total), to: &bytes) } else { append(cell.total.bitPattern, to: &bytes) }
        appendVarint(UInt64(cell.tokens.count), to: &bytes)
        for token in cell.tokens {
            if isWide { append(token, to: &bytes) } else { append(UInt16(truncatingIfNeeded: token), to: &bytes) }
        }
        for count in cell.counts {
            switch kind {
            case .whole: appendVarint(UInt64(count), to: &bytes)
            case .float: append(Float(count).bitPattern, to: &bytes)
            case .double: append(count.bitPattern, to: &bytes)
            }
        }
    }

    /// Reads a cell into `cell`, whose memory is used again.
    ///
    /// - Throws: ``TokenizerError`` `malformedCell` if the bytes are not exactly one cell of known format with tokens
    ///   below `vocabularyCount`, counts above zero and a finite total; `cell` is then empty.
    package static func read(
        _ bytes: RawSpan, vocabularyCount: Int, into cell: inout RankedCell
    ) throws(TokenizerError) {
        cell.tokens.removeAll(keepingCapacity: true)
        cell.counts.removeAll(keepingCapacity: true)
        cell.total = 0
        do {
            try fill(&cell, from: bytes, vocabularyCount: vocabularyCount)
        } catch {
            cell.tokens.removeAll(keepingCapacity: true)
            cell.counts.removeAll(keepingCapacity: true)
            cell.total = 0
            throw error
        }
    }

    private static func fill(
        _ cell: inout RankedCell, from bytes: RawSpan, vocabularyCount: Int
    ) throws(TokenizerError) {
        var position = 0
        let found: UInt8 = try number(bytes, &position)
        guard found == format else {
            throw damaged("its format is \(found), this program reads \(format)")
        }
        let flags: UInt8 = try number(bytes, &position)
        guard flags < 16, let kind = CountKind(rawValue: flags >> 1 & 3) else { throw damaged("unknown flags \(flags)") }
        let total = flags & floatTotal == 0 ? Double(try varint(bytes, &position)) : Double(bitPattern: try number(bytes, &position))
        guard total.isFinite, total >= 0 else { throw damaged("its total is \(total)") }
        let count = try varint(bytes, &position)
        let isWide = flags & wideTokens != 0
        let left = bytes.byteCount - position
        // A gene takes at least its token and a byte of count, so a number past that cannot be true.
        guard count <= UInt64(left / ((isWide ? 4 : 2) + 1)) else {
            throw damaged("it has \(left) bytes for \(count) genes")
        }
        cell.tokens.reserveCapacity(Int(count))
        cell.counts.reserveCapacity(Int(count))
        for _ in 0..<count {
            let token: UInt32
            if isWide { token = try number(bytes, &position) } else { token = UInt32(try number(bytes, &position) as UInt16) }
            guard Int(token) < vocabularyCount else {
                throw damaged("token \(token) is outside the vocabulary of \(vocabularyCount)")
            }
            cell.tokens.append(token)
        }
        for _ in 0..<count {
            let value =
                switch kind {
                case .whole: Double(try varint(bytes, &position))
                case .float: Double(Float(bitPattern: try number(bytes, &position)))
                case .double: Double(bitPattern: try number(bytes, &position))
                }
            guard value.isFinite, value > 0 else { throw damaged("a count is \(value)") }
            cell.counts.append(value)
        }
        guard position == bytes.byteCount else { throw damaged("\(bytes.byteCount - position) bytes follow it") }
        cell.total = total
    }

    private static func damaged(_ detail: String) -> TokenizerError {
        TokenizerError(.malformedCell, detail: "the stored cell is damaged: \(detail)")
    }

    private static func append<N: FixedWidthInteger>(_ number: N, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func appendVarint(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// The little-endian number at `position`, which moves behind it.
    private static func number<N: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: RawSpan, _ position: inout Int
    ) throws(TokenizerError) -> N {
        guard MemoryLayout<N>.size <= bytes.byteCount - position else { throw damaged("it ends too early") }
        defer { position += MemoryLayout<N>.size }
        return N(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: N.self))
    }

    private static func varint(_ bytes: RawSpan, _ position: inout Int) throws(TokenizerError) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 56, by: 7) {
            let byte: UInt8 = try number(bytes, &position)
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                guard Double(result) <= largestWhole else { break }
                return result
            }
        }
        throw damaged("a number in it is too long")
    }
}
