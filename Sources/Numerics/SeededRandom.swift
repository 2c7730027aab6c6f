/// xoshiro256** (Blackman and Vigna 2018), seeded by SplitMix64: the same numbers on every machine for one seed.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    /// A generator whose numbers depend on `seed` alone.
    package init(seed: UInt64) {
        var z = seed
        func split(_ z: inout UInt64) -> UInt64 {
            z &+= 0x9E37_79B9_7F4A_7C15
            return Self.mixed(z)
        }
        s0 = split(&z)
        s1 = split(&z)
        s2 = split(&z)
        s3 = split(&z)
    }

    /// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): different numbers for different numbers, each bit of which
    /// depends on all.
    package static func mixed(_ number: UInt64) -> UInt64 {
        var x = number
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }

    /// The next 64 random bits.
    package mutating func next() -> UInt64 {
        let product = s1 &* 5
        let result = ((product << 7) | (product >> 57)) &* 9
        let t = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = (s3 << 45) | (s3 >> 19)
        return result
    }

    /// Uniform in [0, 1), with 53 random bits.
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Standard normal, by the polar-free Box–Muller form (one of the pair is dropped for simplicity).
    package mutating func normal() -> Double {
        let radius = (-2 * logarithm(1 - uniform())).squareRoot()
        return radius * cosine(2 * Double.pi * uniform())
    }

    /// `count` different numbers of 0..<`bound`, ascending; all of them if `count >= bound`. O(bound).
    package mutating func sample(_ count: Int, of bound: Int) -> [Int] {
        guard count < bound else { return Array(0..<max(0, bound)) }
        var chosen: [Int] = []
        chosen.reserveCapacity(count)
        for index in 0..<bound {
            let left = bound - index
            if uniform() * Double(left) < Double(count - chosen.count) { chosen.append(index) }
        }
        return chosen
    }

    /// A whole number of 0..<`bound`, for a bound from 1 far below 2^53.
    package mutating func number(below bound: Int) -> Int { Int(uniform() * Double(bound)) }

    /// 0..<`count` in random order (Fisher and Yates).
    package mutating func permutation(_ count: Int) -> [Int] {
        var result = Array(0..<max(0, count))
        for index in result.indices.dropFirst() { result.swapAt(index, number(below: index + 1)) }
        return result
    }
}
