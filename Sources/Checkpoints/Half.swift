/// IEEE 754 binary16. Not `Float16`, which not every platform has.
enum Half {
    /// The nearest half of `value`, ties to even; infinite from 65,520 on.
    static func bits(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let magnitude = value.magnitude
        if magnitude.isNaN { return sign | 0x7E00 }
        if magnitude >= 65520 { return sign | 0x7C00 }
        guard magnitude >= 0x1p-14 else {
            // Multiples of 2⁻²⁴; the largest rounds up to the first normal number, whose bits come next.
            return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven))
        }
        // Exponents 127 and 15 apart; 13 bits of the mantissa go.
        let shifted = magnitude.bitPattern &- (112 << 23)
        let (kept, rest) = (shifted >> 13, shifted & 0x1FFF)
        let up: UInt32 = rest > 0x1000 || (rest == 0x1000 && kept & 1 == 1) ? 1 : 0
        return sign | UInt16(truncatingIfNeeded: kept + up)
    }
}
