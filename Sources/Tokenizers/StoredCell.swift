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
        value >= 0 && value <= largestWhole && Double(Int64(value)) == value
    }

    /// The bytes of `cell`: about 3 bytes a gene for counts of transcripts.
    package static func bytes(_ cell: RankedCell) -> [UInt8] {
        precondition(cell.tokens.count == cell.counts.count, "one count for each token")
        let isWide = cell.tokens.reduce(0, |) > 0xFFFF
        let (kind, widest) = form(cell.counts)
        let isWholeTotal = isWhole(cell.total)
        let room = 2 + 8 + 8 + cell.tokens.count * ((isWide ? 4 : 2) + widest)
        return [UInt8](unsafeUninitializedCapacity: room) { buffer, used in
            guard let memory = buffer.baseAddress else { return }
            var writer = Writer(memory: UnsafeMutableRawPointer(memory))
            writer.put(format)
            writer.put((isWide ? wideTokens : 0) | kind.rawValue << 1 | (isWholeTotal ? 0 : floatTotal))
            if isWholeTotal { writer.putVarint(UInt64(cell.total)) } else { writer.put(cell.total.bitPattern) }
            writer.putVarint(UInt64(cell.tokens.count))
            if isWide {
                for token in cell.tokens { writer.put(token) }
            } else {
                for token in cell.tokens { writer.put(UInt16(truncatingIfNeeded: token)) }
            }
            switch kind {
            case .whole where widest == 1: for count in cell.counts { writer.put(lowByte(count)) }
            case .whole: for count in cell.counts { writer.putVarint(UInt64(count)) }
            case .float: for count in cell.counts { writer.put(Float(count).bitPattern) }
            case .double: for count in cell.counts { writer.put(count.bitPattern) }
            }
            used = writer.position
            precondition(used <= room, "a cell longer than its longest form")
        }
    }

    /// Adding 2^52 leaves a whole number in the low bits.
    @inline(__always)
    private static func lowByte(_ number: Double) -> UInt8 { UInt8(truncatingIfNeeded: (number + 0x1p52).bitPattern) }

    /// How counts are kept, and the bytes of the longest.
    private static func form(_ counts: [Double]) -> (CountKind, widest: Int) {
        // Without branches, on vectors: as a rule they are small whole numbers.
        var (outside, fractions, numbers): (UInt64, UInt64, UInt64) = (0, 0, 0)
        for count in counts {
            let shifted = count + 0x1p52
            outside |= count.bitPattern | (0x1p51.bitPattern &- 1 &- count.bitPattern)
            fractions |= (shifted - 0x1p52).bitPattern ^ count.bitPattern
            numbers |= shifted.bitPattern
        }
        if outside >> 63 == 0, fractions == 0 {
            let bits = 64 - (numbers & 0xf_ffff_ffff_ffff).leadingZeroBitCount
            return (.whole, max(1, (bits + 6) / 7))
        }
        if counts.allSatisfy(isWhole) { return (.whole, 8) }
        return counts.allSatisfy { Double(Float($0)) == $0 } ? (.float, 4) : (.double, 8)
    }

    /// Writes to memory that has room for the longest form of all that comes.
    private struct Writer {
        private let memory: UnsafeMutableRawPointer
        private(set) var position = 0

        init(memory: UnsafeMutableRawPointer) { self.memory = memory }

        @inline(__always)
        mutating func put<N: FixedWidthInteger & BitwiseCopyable>(_ number: N) {
            memory.storeBytes(of: number.littleEndian, toByteOffset: position, as: N.self)
            position &+= MemoryLayout<N>.size
        }

        @inline(__always)
        mutating func putVarint(_ number: UInt64) {
            var rest = number
            while rest > 0x7F {
                put(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            put(UInt8(truncatingIfNeeded: rest))
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
        guard flags < 16, let kind = CountKind(rawValue: flags >> 1 & 3) else {
            throw damaged("unknown flags \(flags)")
        }
        let total =
            flags & floatTotal == 0
            ? Double(try varint(bytes, &position)) : Double(bitPattern: try number(bytes, &position))
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
            if isWide {
                token = try number(bytes, &position)
            } else {
                token = UInt32(try number(bytes, &position) as UInt16)
            }
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
