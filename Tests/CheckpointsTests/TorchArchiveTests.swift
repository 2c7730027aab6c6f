import Checkpoints
import Foundation
import Numerics
import Testing
import TestSupport

/// Writes zip files as `torch.save` does, and worse ones.
private struct ZipWriter {
    var bytes: [UInt8] = []
    private var directory: [UInt8] = []
    private var count = 0

    static func number(_ value: Int, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(value >> (8 * $0) & 0xFF) } }

    /// One block of deflate's stored kind, so that no compressor is needed.
    private static func deflated(_ data: [UInt8]) -> [UInt8] {
        [1] + number(data.count, 2) + number(data.count ^ 0xFFFF, 2) + data
    }

    mutating func add(_ name: String, _ data: [UInt8], deflate: Bool = false, wide: Bool = false) {
        let stored = deflate ? Self.deflated(data) : data
        let header = bytes.count
        let extra: [UInt8] =
            wide
            ? Self.number(1, 2) + Self.number(24, 2) + Self.number(data.count, 8) + Self.number(stored.count, 8)
                + Self.number(header, 8) : []
        func size(_ value: Int) -> [UInt8] { wide ? [255, 255, 255, 255] : Self.number(value, 4) }
        let shared =
            Self.number(0, 2) + Self.number(deflate ? 8 : 0, 2) + Self.number(0, 8) + size(stored.count)
            + size(data.count) + Self.number(name.utf8.count, 2)
        bytes += [0x50, 0x4B, 3, 4, 20, 0] + shared + Self.number(3, 2) + Array(name.utf8) + [9, 9, 9] + stored
        directory += [0x50, 0x4B, 1, 2, 20, 0, 20, 0] + shared + Self.number(extra.count, 2) + Self.number(0, 10)
        directory += size(header) + Array(name.utf8) + extra
        count += 1
    }

    func finished(zip64: Bool = false) -> [UInt8] {
        var result = bytes + directory
        if zip64 {
            let record = result.count
            result += [0x50, 0x4B, 6, 6] + Self.number(44, 8) + Self.number(0, 12) + Self.number(count, 8)
            result += Self.number(count, 8) + Self.number(directory.count, 8) + Self.number(bytes.count, 8)
            result += [0x50, 0x4B, 6, 7] + Self.number(0, 4) + Self.number(record, 8) + Self.number(1, 4)
            return result + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + [UInt8](repeating: 255, count: 12) + [0, 0]
        }
        result += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + Self.number(count, 2) + Self.number(count, 2)
        return result + Self.number(directory.count, 4) + Self.number(bytes.count, 4) + [0, 0]
    }
}

/// Pickles of state dicts.
private enum State {
    static func int(_ value: Int) -> [UInt8] { [0x4A] + ZipWriter.number(value, 4) }

    static func tuple(_ values: [Int]) -> [UInt8] { Op.op("(") + values.flatMap(int) + Op.op("t") }

    static func tensor(
        _ key: String, count: Int, offset: Int, shape: [Int], strides: [Int], storage: String = "FloatStorage"
    ) -> [UInt8] {
        Op.global("torch._utils", "_rebuild_tensor_v2") + Op.op("((") + Op.text("storage") + Op.global("torch", storage)
            + Op.text(key) + Op.text("cpu") + int(count) + Op.op("tQ") + int(offset) + tuple(shape) + tuple(strides)
            + [0x89] + Op.global("collections", "OrderedDict") + Op.op(")RtR")
    }

    static func dict(_ entries: [(String, [UInt8])]) -> [UInt8] {
        Op.op("}(") + entries.flatMap { Op.text($0.0) + $0.1 } + Op.op("u")
    }
}

private let six: [Float] = [1, 2, 3, 4, 5, 6]

private func bytes(_ values: [Float]) -> [UInt8] { values.flatMap { ZipWriter.number(Int($0.bitPattern), 4) } }

private let simple: [(String, [UInt8])] = [
    ("a", State.tensor("0", count: 6, offset: 0, shape: [2, 3], strides: [3, 1])),
    ("t", State.tensor("0", count: 6, offset: 0, shape: [3, 2], strides: [1, 3])),
    ("tail", State.tensor("0", count: 6, offset: 4, shape: [2], strides: [1])),
    ("scalar", State.tensor("0", count: 6, offset: 5, shape: [], strides: [])),
    ("none", State.tensor("0", count: 6, offset: 0, shape: [0, 3], strides: [3, 1])),
    ("step", Op.int(3)),
]

private func archive(
    _ pickle: [UInt8], deflate: Bool = false, wide: Bool = false, byteorder: String? = "little",
    _ body: (TorchArchive) throws -> Void
) throws {
    var zip = ZipWriter()
    zip.add("model/data.pkl", Op.proto + pickle + Op.stop, deflate: deflate, wide: wide)
    if let byteorder { zip.add("model/byteorder", Array(byteorder.utf8)) }
    zip.add("model/data/0", bytes(six), deflate: deflate, wide: wide)
    try open(zip.finished(zip64: wide), body)
}

private func open(_ file: [UInt8], _ body: (TorchArchive) throws -> Void = { _ in }) throws {
    let folder = try TemporaryFolder()
    try Data(file).write(to: URL(fileURLWithPath: folder.file("model.bin")))
    try body(TorchArchive(path: folder.file("model.bin")))
}

struct TorchArchiveTests {
    @Test(
        "strides, offsets and shared storages are honoured", arguments: [(false, false), (true, false), (false, true)])
    func reads(deflate: Bool, wide: Bool) throws {
        try archive(State.dict(simple), deflate: deflate, wide: wide) { (archive: TorchArchive) throws in
            #expect(archive.tensorNames == ["a", "none", "scalar", "t", "tail"])
            #expect(archive.shape(of: "t") == [3, 2])
            #expect(archive.shape(of: "step") == nil)
            #expect(archive.type(of: "a") == .float32)
            #expect(try archive.floats("a") == six)
            #expect(try archive.floats("t") == [1, 4, 2, 5, 3, 6])
            #expect(try archive.floats("tail") == [5, 6])
            #expect(try archive.floats("scalar") == [6])
            #expect(try archive.floats("none") == [])
            let error = try #require(throws: CheckpointError.self) { _ = try archive.floats("x") }
            #expect(error.code == .missingTensor)
            #expect(error.tensor == "x")
        }
    }

    @Test("a state dict inside a training checkpoint is found")
    func nested() throws {
        for name in ["state_dict", "model_state_dict", "model"] {
            try archive(State.dict([("epoch", Op.int(3)), (name, State.dict(simple))])) {
                (archive: TorchArchive) throws in
                #expect(try archive.floats("a") == six)
            }
        }
        #expect(throws: CheckpointError.self) { try archive(State.dict([("epoch", Op.int(3))])) { _ in } }
    }

    @Test("parameters and float8 tensors are read")
    func otherConstructors() throws {
        let parameter =
            Op.global("torch._utils", "_rebuild_parameter") + Op.op("(") + simple[0].1 + [0x88]
            + Op.global("collections", "OrderedDict") + Op.op(")RtR")
        let small =
            Op.global("torch._utils", "_rebuild_tensor_v3") + Op.op("((") + Op.text("storage")
            + Op.global("torch.storage", "UntypedStorage") + Op.text("0") + Op.text("cpu") + State.int(24) + Op.op("tQ")
            + State.int(3) + State.tuple([1]) + State.tuple([1]) + [0x89] + Op.op("}")
            + Op.global("torch", "float8_e5m2") + Op.op("tR")
        try archive(State.dict([("p", parameter), ("s", small)])) { (archive: TorchArchive) throws in
            #expect(try archive.floats("p") == six)
            #expect(archive.type(of: "s") == .float8E5M2)
            // The highest byte of 1.0 is 0x3F: exponent 15, mantissa 3 of 4.
            #expect(try archive.floats("s") == [1.75])
        }
    }

    @Test("a tensor outside of its storage is named")
    func outside() throws {
        for (offset, shape, strides) in [
            (4, [3], [1]), (0, [2, 3], [4, 1]), (0, [Int(Int32.max), Int(Int32.max)], [Int(Int32.max), 1]), (7, [], []),
        ] {
            let bad = State.tensor("0", count: 6, offset: offset, shape: shape, strides: strides)
            let error = try #require(throws: CheckpointError.self) { try archive(State.dict([("bad", bad)])) { _ in } }
            #expect(error.tensor == "bad")
            #expect(error.code == .malformed)
        }
        let missing = State.tensor("1", count: 6, offset: 0, shape: [2], strides: [1])
        let error = try #require(throws: CheckpointError.self) { try archive(State.dict([("m", missing)])) { _ in } }
        #expect(error.detail.contains("data/1"))
    }

    @Test("an expanded tensor does not fill the memory")
    func expanded() throws {
        let bad = State.tensor("0", count: 6, offset: 0, shape: [1 << 30, 1 << 30], strides: [0, 0])
        let error = try #require(throws: CheckpointError.self) { try archive(State.dict([("bad", bad)])) { _ in } }
        #expect(error.code == .unsupported)
    }

    @Test("a big-endian file, an old file, a pointer and other files are told apart")
    func otherFiles() throws {
        func failure(_ file: [UInt8]) throws -> CheckpointError {
            try #require(throws: CheckpointError.self) { try open(file) }
        }
        let error = try #require(throws: CheckpointError.self) {
            try archive(State.dict(simple), byteorder: "big") { _ in }
        }
        #expect(error.detail.contains("byte order"))
        let old: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
        #expect(try failure(old + Op.stop).description.contains("torch.save"))
        #expect(try failure(Array("version https://git-lfs.github.com/spec/v1\n".utf8)).detail.contains("Git LFS"))
        #expect(try failure([]).code == .malformed)
        #expect(try failure(Array("hello".utf8)).code == .malformed)
        var zip = ZipWriter()
        zip.add("readme.txt", [65])
        #expect(try failure(zip.finished()).detail.contains("data.pkl"))
        let code = try #require(throws: CheckpointError.self) {
            try archive(Op.global("posix", "system")) { _ in }
        }
        #expect(code.detail.contains("posix.system"))
    }

    @Test("a file cut at any byte or changed at any byte is an error or a tensor", arguments: [false, true])
    func damage(deflate: Bool) throws {
        var zip = ZipWriter()
        zip.add("model/data.pkl", Op.proto + State.dict(simple) + Op.stop, deflate: deflate, wide: deflate)
        zip.add("model/data/0", bytes(six), deflate: deflate)
        let file = zip.finished(zip64: deflate)
        let folder = try TemporaryFolder()
        let url = URL(fileURLWithPath: folder.file("model.bin"))
        func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: url) }
        for length in stride(from: 0, to: file.count, by: 11) {
            try write(Array(file[..<length]))
            #expect(throws: CheckpointError.self) { _ = try TorchArchive(path: url.path) }
        }
        var random = SeededRandom(seed: 3)
        for _ in 0..<250 {
            var changed = file
            changed[Int.random(in: 0..<file.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            try write(changed)
            // Any other error than a CheckpointError does not compile; a crash fails the test.
            let archive = try? TorchArchive(path: url.path)
            for name in archive?.tensorNames ?? [] { _ = try? archive?.floats(name) }
        }
    }

    @Test(
        "pytorch_model.bin holds what model.safetensors holds",
        .enabled(
            if: SharedData.has("parity/geneformer-tiny/pytorch_model.bin"),
            "skipped: ../shared/parity/geneformer-tiny is not there"),
        arguments: ["geneformer-tiny", "geneformer-tiny-gelu"])
    func parity(model: String) throws {
        let torch = try TorchArchive(path: SharedData.path("parity/\(model)/pytorch_model.bin"))
        let safe = try SafetensorsFile(path: SharedData.path("parity/\(model)/model.safetensors"))
        for name in safe.tensorNames {
            #expect(torch.shape(of: name) == safe.shape(of: name))
            let values = try torch.floats(name)
            #expect(try values == safe.floats(name))
        }
        let word = try torch.floats("bert.embeddings.word_embeddings.weight")
        #expect(try torch.floats("cls.predictions.decoder.weight") == word)
        if model == "geneformer-tiny" {
            #expect(torch.type(of: "bert.embeddings.position_ids") == .int64)
            #expect(try torch.floats("bert.embeddings.position_ids") == (0..<128).map(Float.init))
        }
    }

    @Test(
        "scGPT's checkpoints open",
        .enabled(
            if: SharedData.has("parity/scgpt-tiny/best_model.pt"), "skipped: ../shared/parity/scgpt-tiny is not there"),
        arguments: [
            "scgpt-tiny/best_model.pt", "scgpt-tiny-batch/best_model.pt", "scgpt-tiny-dsbn/best_model.pt",
            "scgpt-tiny-flash/best_model_ddp_impl.pt",
        ])
    func scGPT(file: String) throws {
        let archive = try TorchArchive(path: SharedData.path("parity/\(file)"))
        #expect(archive.tensorNames.count > 40)
        for name in archive.tensorNames {
            let count = try #require(archive.shape(of: name)).reduce(1, *)
            let values = try archive.floats(name)
            #expect(values.count == count)
        }
    }
}
