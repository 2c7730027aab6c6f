import CKernels
import Numerics
import Testing

/// What this machine can run.
let simdLevels = (EK_SCALAR.rawValue...EK_LAST.rawValue).map { ek_level(rawValue: $0) }
    .filter { ek_level_available($0) != 0 }

/// Runs `body` on every level and returns to the level that was in use.
func onEveryLevel(_ body: (String) throws -> Void) rethrows {
    let before = ek_current_level()
    defer { _ = ek_use_level(before) }
    for level in simdLevels {
        #expect(ek_use_level(level) == 1)
        try body(String(cString: ek_level_name(level)))
    }
}

func normals(_ count: Int, seed: UInt64, scale: Double = 1) -> [Float] {
    var random = SeededRandom(seed: seed)
    return (0..<count).map { _ in Float(random.normal() * scale) }
}
