#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

package func logarithm(_ x: Double) -> Double { log(x) }
package func cosine(_ x: Double) -> Double { cos(x) }
package func complementaryErrorFunction(_ x: Double) -> Double { erfc(x) }
package func exponential(_ x: Double) -> Double { exp(x) }
package func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
