import Foundation

/// What libFuzzer calls with every input. `EMBDB_FUZZ_TARGET` chooses the target, so that one program is linked, and
/// libFuzzer, which starts itself again to minimise, keeps the choice.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// What libFuzzer calls first. With `EMBDB_FUZZ_SEEDS` the target's own seeds go into that folder instead.
@c(LLVMFuzzerInitialize)
public func initialize(
    _ argumentCount: UnsafeMutablePointer<CInt>?,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>>>?
) -> CInt {
    guard let folder = ProcessInfo.processInfo.environment["EMBDB_FUZZ_SEEDS"] else { return 0 }
    do {
        for (number, seed) in try chosen.seeds(CommandLine.arguments.dropFirst().map { $0 }).enumerated() {
            try Data(seed).write(to: URL(fileURLWithPath: folder + "/seed\(number)"))
        }
    } catch {
        print("the seeds cannot be made: \(error)")
        exit(1)
    }
    exit(0)
}

private let chosen: any FuzzTarget.Type = {
    let name = ProcessInfo.processInfo.environment["EMBDB_FUZZ_TARGET"] ?? ""
    guard let target = fuzzTargets[name] else {
        print("EMBDB_FUZZ_TARGET must be one of \(fuzzTargets.keys.sorted().joined(separator: ", "))")
        exit(64)
    }
    return target
}()

private let fuzzTargets: [String: any FuzzTarget.Type] = [
    "config": ConfigTarget.self, "database": DatabaseTarget.self, "expression": ExpressionTarget.self,
    "h5ad": H5ADTarget.self, "mtx": MatrixFolderTarget.self, "npy": NPYTarget.self, "pickle": PickleTarget.self,
    "reader": ReaderTarget.self,
    "safetensors": SafetensorsTarget.self, "torch": TorchTarget.self, "vocabulary": VocabularyTarget.self,
]
