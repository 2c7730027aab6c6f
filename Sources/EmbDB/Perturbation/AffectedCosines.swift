internal import Synchronization

/// What ``HiddenStates/cosines(_:_:_:without:)`` says of several variants, as threads hand it in.
final class AffectedCosines: Sendable {
    private let variants: Mutex<[[(gene: UInt32, cosine: Double)]]>

    init(_ count: Int) { variants = Mutex(Array(repeating: [], count: count)) }

    func set(_ number: Int, _ cosines: [(gene: UInt32, cosine: Double)]) { variants.withLock { $0[number] = cosines } }
    func get(_ number: Int) -> [(gene: UInt32, cosine: Double)] { variants.withLock { $0[number] } }
}
