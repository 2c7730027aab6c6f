import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite("Safetensors files")
struct SafetensorsTests {
    private let tensors = TensorDictionary(
        file: "made",
        tensors: [
            "b.weight": .init(shape: [2, 3], values: [1, -2.5, .pi, .leastNonzeroMagnitude, -.infinity, 0]),
            "a": .init(shape: [], values: [7]),
            "empty": .init(shape: [0, 5], values: []),
            "odd \"name\"/é\n": .init(shape: [3], values: [0.1, 0.2, 0.3]),
        ])

    @Test("What is written is read back bit for bit, from memory and from a file")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.safetensors")
        let metadata = ["format": "pt", "note": "a \"quoted\" line"]
        try Safetensors.write(tensors, metadata: metadata, to: path)
        let bytes = try Safetensors.write(tensors, metadata: metadata)
        #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: path))) == bytes)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
        for file in [try SafetensorsFile(path: path), try SafetensorsFile(bytes: bytes, file: "memory")] {
            #expect(file.tensorNames == ["a", "b.weight", "empty", "odd \"name\"/é\n"])
            #expect(file.metadata == metadata)
            for name in file.tensorNames {
                #expect(file.shape(of: name) == tensors.shape(of: name))
                #expect(file.type(of: name) == .float32)
                #expect(try file.floats(name).map(\.bitPattern) == tensors.floats(name).map(\.bitPattern))
            }
        }
    }

    @Test("The same tensors give the same bytes, and values begin on a multiple of 8")
    func deterministicBytes() throws {
        let first = try Safetensors.write(tensors, metadata: ["b": "1", "a": "2", "c": "3"])
        for _ in 0..<5 {
            #expect(try Safetensors.write(tensors, metadata: ["c": "3", "a": "2", "b": "1"]) == first)
        }
        let length = first[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(length % 8 == 0)
        #expect(first.count == 8 + length + 4 * (6 + 1 + 0 + 3))
    }

    @Test("Opening what is not there, or is no file, says so")
    func missing() throws {
        let folder = try TemporaryFolder()
        for (path, code) in [(folder.file("none"), CheckpointError.Code.notFound), (folder.path, .notReadable)] {
            let error = try #require(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
            #expect(error.code == code)
            #expect(error.description.contains(path))
        }
        let error = try #require(throws: CheckpointError.self) {
            try Safetensors.write(tensors, to: folder.file("no/such/folder"))
        }
        #expect(error.code == .notWritable)
    }

    @Test("A tensor that is not there, or is of the wrong kind, is an error that names it")
    func wrongTensor() throws {
        let header = #"{"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
            + #""c":{"dtype":"C64","shape":[1],"data_offsets":[4,12]},"#
            + #""x":{"dtype":"F4","shape":[2],"data_offsets":[12,13]},"#
            + #""u":{"dtype":"U64","shape":[1],"data_offsets":[13,21]}}"#
        let data = [UInt8](repeating: 0, count: 13) + [UInt8](repeating: 0xFF, count: 8)
        let file = try SafetensorsFile(bytes: safetensorsBytes(header, data: data), file: "mixed")
        func code(_ body: () throws -> Void) throws -> CheckpointError.Code {
            try #require(throws: CheckpointError.self, performing: body).code
        }
        #expect(try code { _ = try file.floats("none") } == .missingTensor)
        #expect(try code { _ = try file.floats("c") } == .unsupported)
        #expect(try code { _ = try file.floats("x") } == .unsupported)
        #expect(try code { _ = try file.integers("f") } == .unsupported)
        // 2^64 - 1 is past Int64, but a fine Float.
        #expect(try code { _ = try file.integers("u") } == .unsupported)
        #expect(try file.floats("u") == [0x1p64])
    }

    @Test("A file that becomes shorter while it is open is an error")
    func truncatedWhileOpen() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("model.safetensors")
        try Safetensors.write(tensors, to: path)
        let file = try SafetensorsFile(path: path)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 20)
        let error = try #require(throws: CheckpointError.self) { try file.floats("b.weight") }
        #expect(error.code == .notReadable)
    }
}
