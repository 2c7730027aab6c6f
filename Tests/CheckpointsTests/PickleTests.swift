import Checkpoints
import Foundation
import Numerics
import Testing
import TestSupport

/// Writes pickles opcode by opcode.
enum Op {
    static let proto: [UInt8] = [0x80, 4]
    static let stop: [UInt8] = Array(".".utf8)
    static func op(_ text: String) -> [UInt8] { Array(text.utf8) }
    static func text(_ value: String) -> [UInt8] { [0x8C, UInt8(value.utf8.count)] + value.utf8 }
    static func int(_ value: UInt8) -> [UInt8] { [0x4B, value] }
    static func global(_ module: String, _ name: String) -> [UInt8] { op("c\(module)\n\(name)\n") }
}

private func read(_ bytes: [UInt8]) throws -> Pickle { try Pickle(bytes: bytes, file: "test.pkl") }

private func read(base64: String) throws -> Pickle { try read([UInt8](try #require(Data(base64Encoded: base64)))) }

/// The error that reading `bytes` throws.
private func failure(_ bytes: [UInt8]) throws -> CheckpointError {
    try #require(throws: CheckpointError.self) { _ = try read(bytes) }
}

private func entry(_ pickle: Pickle, _ key: String) throws -> Pickle.Value {
    let entries = try #require(pickle.entries(pickle.root))
    return try #require(entries.last { $0.key.string == key }).value
}

struct PickleTests {
    /// `pickle.dumps({"a": 1, "b": -2, "c": 2.5, "d": None, "e": True, "f": "gène", "g": b"\x00\xff",
    /// "h": [1, 2, [3]], "i": (1,), "j": {"x": (1, 2, 3, 4)}, "k": 2**40, "l": -2**40, 7: "seven", (1, 2): "pair",
    /// "m": 300, "n": 70000}, protocol=p)` for p = 0 … 5, by Python 3.
    static let everything = [
        "KGRwMApWYQpwMQpJMQpzVmIKcDIKSS0yCnNWYwpwMwpGMi41CnNWZApwNApOc1ZlCnA1CkkwMQpzVmYKcDYKVmfobmUKcDcKc1ZnCnA4CmNf"
            + "Y29kZWNzCmVuY29kZQpwOQooVlx1MDAwMP8KcDEwClZsYXRpbjEKcDExCnRwMTIKUnAxMwpzVmgKcDE0CihscDE1CkkxCmFJMgphKGxw"
            + "MTYKSTMKYWFzVmkKcDE3CihJMQp0cDE4CnNWagpwMTkKKGRwMjAKVngKcDIxCihJMQpJMgpJMwpJNAp0cDIyCnNzVmsKcDIzCkwxMDk5"
            + "NTExNjI3Nzc2TApzVmwKcDI0CkwtMTA5OTUxMTYyNzc3NkwKc0k3ClZzZXZlbgpwMjUKcyhJMQpJMgp0cDI2ClZwYWlyCnAyNwpzVm0K"
            + "cDI4CkkzMDAKc1ZuCnAyOQpJNzAwMDAKcy4=",
        "fXEAKFgBAAAAYXEBSwFYAQAAAGJxAkr+////WAEAAABjcQNHQAQAAAAAAABYAQAAAGRxBE5YAQAAAGVxBUkwMQpYAQAAAGZxBlgFAAAAZ8Oo"
            + "bmVxB1gBAAAAZ3EIY19jb2RlY3MKZW5jb2RlCnEJKFgDAAAAAMO/cQpYBgAAAGxhdGluMXELdHEMUnENWAEAAABocQ5dcQ8oSwFLAl1x"
            + "EEsDYWVYAQAAAGlxEShLAXRxElgBAAAAanETfXEUWAEAAAB4cRUoSwFLAksDSwR0cRZzWAEAAABrcRdMMTA5OTUxMTYyNzc3NkwKWAEA"
            + "AABscRhMLTEwOTk1MTE2Mjc3NzZMCksHWAUAAABzZXZlbnEZKEsBSwJ0cRpYBAAAAHBhaXJxG1gBAAAAbXEcTSwBWAEAAABucR1KcBEB"
            + "AHUu",
        "gAJ9cQAoWAEAAABhcQFLAVgBAAAAYnECSv7///9YAQAAAGNxA0dABAAAAAAAAFgBAAAAZHEETlgBAAAAZXEFiFgBAAAAZnEGWAUAAABnw6hu"
            + "ZXEHWAEAAABncQhjX2NvZGVjcwplbmNvZGUKcQlYAwAAAADDv3EKWAYAAABsYXRpbjFxC4ZxDFJxDVgBAAAAaHEOXXEPKEsBSwJdcRBL"
            + "A2FlWAEAAABpcRFLAYVxElgBAAAAanETfXEUWAEAAAB4cRUoSwFLAksDSwR0cRZzWAEAAABrcReKBgAAAAAAAVgBAAAAbHEYigYAAAAA"
            + "AP9LB1gFAAAAc2V2ZW5xGUsBSwKGcRpYBAAAAHBhaXJxG1gBAAAAbXEcTSwBWAEAAABucR1KcBEBAHUu",
        "gAN9cQAoWAEAAABhcQFLAVgBAAAAYnECSv7///9YAQAAAGNxA0dABAAAAAAAAFgBAAAAZHEETlgBAAAAZXEFiFgBAAAAZnEGWAUAAABnw6hu"
            + "ZXEHWAEAAABncQhDAgD/cQlYAQAAAGhxCl1xCyhLAUsCXXEMSwNhZVgBAAAAaXENSwGFcQ5YAQAAAGpxD31xEFgBAAAAeHERKEsBSwJL"
            + "A0sEdHESc1gBAAAAa3ETigYAAAAAAAFYAQAAAGxxFIoGAAAAAAD/SwdYBQAAAHNldmVucRVLAUsChnEWWAQAAABwYWlycRdYAQAAAG1x"
            + "GE0sAVgBAAAAbnEZSnARAQB1Lg==",
        "gASVrgAAAAAAAAB9lCiMAWGUSwGMAWKUSv7///+MAWOUR0AEAAAAAAAAjAFklE6MAWWUiIwBZpSMBWfDqG5llIwBZ5RDAgD/lIwBaJRdlChL"
            + "AUsCXZRLA2FljAFplEsBhZSMAWqUfZSMAXiUKEsBSwJLA0sEdJRzjAFrlIoGAAAAAAABjAFslIoGAAAAAAD/SweMBXNldmVulEsBSwKG"
            + "lIwEcGFpcpSMAW2UTSwBjAFulEpwEQEAdS4=",
        "gAWVrgAAAAAAAAB9lCiMAWGUSwGMAWKUSv7///+MAWOUR0AEAAAAAAAAjAFklE6MAWWUiIwBZpSMBWfDqG5llIwBZ5RDAgD/lIwBaJRdlChL"
            + "AUsCXZRLA2FljAFplEsBhZSMAWqUfZSMAXiUKEsBSwJLA0sEdJRzjAFrlIoGAAAAAAABjAFslIoGAAAAAAD/SweMBXNldmVulEsBSwKG"
            + "lIwEcGFpcpSMAW2UTSwBjAFulEpwEQEAdS4=",
    ]

    /// `pickle.dumps(OrderedDict(z=np.float64(1.5), y=np.int16(-3), x=np.float32(0.1), w=np.uint8(200),
    /// v=np.bool_(True), u=np.float16(0.5), t=np.dtype(">f8").type(2.0)), protocol=p)` for p = 2 and 4, by NumPy 2.
    static let numpyScalars = [
        "gAJjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgBAAAAenECY251bXB5Ll9jb3JlLm11bHRpYXJyYXkKc2NhbGFyCnEDY251bXB5"
            + "CmR0eXBlCnEEWAIAAABmOHEFiYiHcQZScQcoSwNYAQAAADxxCE5OTkr/////Sv////9LAHRxCWJjX2NvZGVjcwplbmNvZGUKcQpYCQAA"
            + "AAAAAAAAAMO4P3ELWAYAAABsYXRpbjFxDIZxDVJxDoZxD1JxEFgBAAAAeXERaANoBFgCAAAAaTJxEomIh3ETUnEUKEsDaAhOTk5K////"
            + "/0r/////SwB0cRViaApYBAAAAMO9w79xFmgMhnEXUnEYhnEZUnEaWAEAAAB4cRtoA2gEWAIAAABmNHEciYiHcR1ScR4oSwNoCE5OTkr/"
            + "////Sv////9LAHRxH2JoClgHAAAAw43DjMOMPXEgaAyGcSFScSKGcSNScSRYAQAAAHdxJWgDaARYAgAAAHUxcSaJiIdxJ1JxKChLA1gB"
            + "AAAAfHEpTk5OSv////9K/////0sAdHEqYmgKWAIAAADDiHEraAyGcSxScS2GcS5ScS9YAQAAAHZxMGgDaARYAgAAAGIxcTGJiIdxMlJx"
            + "MyhLA2gpTk5OSv////9K/////0sAdHE0YmgKWAEAAAABcTVoDIZxNlJxN4ZxOFJxOVgBAAAAdXE6aANoBFgCAAAAZjJxO4mIh3E8UnE9"
            + "KEsDaAhOTk5K/////0r/////SwB0cT5iaApYAgAAAAA4cT9oDIZxQFJxQYZxQlJxQ1gBAAAAdHFEaANoB2gKWAgAAAAAAAAAAAAAQHFF"
            + "aAyGcUZScUeGcUhScUl1Lg==",
        "gASVqQEAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAF6lIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSMBnNjYWxh"
            + "cpSTlIwFbnVtcHmUjAVkdHlwZZSTlIwCZjiUiYiHlFKUKEsDjAE8lE5OTkr/////Sv////9LAHSUYkMIAAAAAAAA+D+UhpRSlIwBeZRo"
            + "B2gKjAJpMpSJiIeUUpQoSwNoDk5OTkr/////Sv////9LAHSUYkMC/f+UhpRSlIwBeJRoB2gKjAJmNJSJiIeUUpQoSwNoDk5OTkr/////"
            + "Sv////9LAHSUYkMEzczMPZSGlFKUjAF3lGgHaAqMAnUxlImIh5RSlChLA4wBfJROTk5K/////0r/////SwB0lGJDAciUhpRSlIwBdpRo"
            + "B2gKjAJiMZSJiIeUUpQoSwNoJ05OTkr/////Sv////9LAHSUYkMBAZSGlFKUjAF1lGgHaAqMAmYylImIh5RSlChLA2gOTk5OSv////9K"
            + "/////0sAdJRiQwIAOJSGlFKUjAF0lGgHaA1DCAAAAAAAAABAlIaUUpR1Lg==",
    ]

    @Test("every protocol gives the same values", arguments: 0..<6)
    func everyProtocol(version: Int) throws {
        let pickle = try read(base64: Self.everything[version])
        #expect(try entry(pickle, "a").int == 1)
        #expect(try entry(pickle, "b").int == -2)
        #expect(try entry(pickle, "c").double == 2.5)
        guard case .none = try entry(pickle, "d") else {
            Issue.record("d is not None")
            return
        }
        guard case .bool(true) = try entry(pickle, "e") else {
            Issue.record("e is not True")
            return
        }
        #expect(try entry(pickle, "f").string == "gène")
        guard case .bytes([0, 255]) = try entry(pickle, "g") else {
            Issue.record("g is not b'\\x00\\xff'")
            return
        }
        let list = try #require(pickle.items(try entry(pickle, "h")))
        #expect(list.prefix(2).map(\.int) == [1, 2])
        #expect(pickle.items(list[2])?.map(\.int) == [3])
        #expect(pickle.items(try entry(pickle, "i"))?.map(\.int) == [1])
        let inner = try #require(pickle.entries(try entry(pickle, "j")))
        #expect(pickle.items(inner[0].value)?.map(\.int) == [1, 2, 3, 4])
        #expect(try entry(pickle, "k").int == 1 << 40)
        #expect(try entry(pickle, "l").int == -1 << 40)
        #expect(try entry(pickle, "m").int == 300)
        #expect(try entry(pickle, "n").int == 70000)
        let entries = try #require(pickle.entries(pickle.root))
        #expect(entries.first { $0.key.int == 7 }?.value.string == "seven")
        #expect(entries.first { pickle.items($0.key)?.map(\.int) == [1, 2] }?.value.string == "pair")
    }

    @Test("NumPy scalars become numbers, an OrderedDict a dict", arguments: 0..<2)
    func numpy(which: Int) throws {
        let pickle = try read(base64: Self.numpyScalars[which])
        #expect(try entry(pickle, "z").double == 1.5)
        #expect(try entry(pickle, "y").int == -3)
        #expect(try entry(pickle, "x").double == Double(Float(0.1)))
        #expect(try entry(pickle, "w").int == 200)
        #expect(try entry(pickle, "u").double == 0.5)
        #expect(try entry(pickle, "t").double == 2)
    }

    @Test("a NumPy scalar of big-endian bytes is turned round")
    func bigEndian() throws {
        let dtype = Op.global("numpy", "dtype") + Op.text("i2") + [0x85] + Op.op("R") + Op.op("(") + Op.int(3)
            + Op.text(">") + Op.op("tb")
        let scalar = Op.global("numpy.core.multiarray", "scalar") + dtype + [0x43, 2, 0x01, 0x02, 0x86] + Op.op("R")
        #expect(try read(Op.proto + scalar + Op.stop).root.int == 0x0102)
    }

    @Test("sets and cycles are read")
    func setsAndCycles() throws {
        let set = try read(base64: "gASVCwAAAAAAAACPlChLAUsCSwOQLg==")
        #expect(set.items(set.root)?.map(\.int) == [1, 2, 3])
        let cycle = try read(base64: "gASVCQAAAAAAAABdlChLAWgAZS4=")
        let items = try #require(cycle.items(cycle.root))
        #expect(items[0].int == 1)
        #expect(cycle.items(items[1])?.count == 2)
    }

    @Test("code is refused by its name, before anything is called")
    func refusesCode() throws {
        let text = try failure(Op.op("cos\nsystem\n(S'true'\ntR."))
        #expect(text.code == .unsupported)
        #expect(text.detail.contains("os.system"))
        #expect(text.description.contains("test.pkl"))
        let stack = try failure(Op.proto + Op.text("builtins") + Op.text("eval") + [0x93] + Op.stop)
        #expect(stack.detail.contains("builtins.eval"))
        let hidden = try failure(Op.global("torch", "load") + Op.stop)
        #expect(hidden.detail.contains("torch.load"))
        // INST, OBJ, NEWOBJ, EXT1 and a persistent id as text.
        for opcode: [UInt8] in [Op.op("(ios\nsystem\n"), Op.op("(o"), [0x81], [0x82, 1], Op.op("Pid\n"), [0x97]] {
            #expect(try failure(opcode + Op.stop).detail.contains("opcode 0x"))
        }
        // What is not a name cannot be called, and nothing but a dict or a NumPy type has a state.
        #expect(try failure(Op.text("f") + Op.op(")R.")).code == .unsupported)
        #expect(try failure(Op.op("]Nb.")).detail.contains("state"))
        #expect(try failure(Op.global("torch", "FloatStorage") + Op.op(")R.")).code == .unsupported)
        #expect(try failure(Op.text("id") + Op.op("Q.")).code == .unsupported)
    }

    @Test("a Git LFS pointer is named as such")
    func gitLFS() throws {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
        #expect(try failure(Array(pointer.utf8)).detail.contains("Git LFS"))
    }

    @Test("a pickle cut at any byte is an error")
    func truncation() throws {
        for text in Self.everything + Self.numpyScalars {
            let bytes = [UInt8](try #require(Data(base64Encoded: text)))
            for length in 0..<bytes.count {
                #expect(throws: CheckpointError.self) { _ = try read(Array(bytes[..<length])) }
            }
        }
    }

    @Test("changed bytes give a value or an error")
    func mutation() throws {
        var random = SeededRandom(seed: 7)
        var failures = 0
        for text in Self.everything + Self.numpyScalars {
            let whole = [UInt8](try #require(Data(base64Encoded: text)))
            for _ in 0..<2000 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                do throws(CheckpointError) {
                    _ = try Pickle(bytes: bytes, file: "test.pkl")
                } catch {
                    failures += 1
                }
            }
        }
        #expect(failures > 1000)
    }

    @Test("lengths beyond the file are errors")
    func lengthBombs() throws {
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
        for bytes: [UInt8] in [
            [0x8D] + huge, [0x8E] + huge, [0x96] + huge, [0x95] + huge, [0x58, 255, 255, 255, 255],
            [0x42, 255, 255, 255, 255], [0x8B, 255, 255, 255, 255], [0x8C, 9, 65],
        ] {
            #expect(try failure(bytes + Op.stop).code == .malformed)
        }
    }

    @Test("an integer of more than 64 bits is refused, one of 64 is read")
    func longIntegers() throws {
        #expect(try failure([0x8A, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1] + Op.stop).code == .unsupported)
        #expect(try read([0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 0x80] + Op.stop).root.int == .min)
        #expect(try read([0x8A, 0] + Op.stop).root.int == 0)
        #expect(try read([0x8A, 1, 0xFF] + Op.stop).root.int == -1)
    }

    @Test("values that are not there are errors")
    func underflow() throws {
        for text in ["0.", "1.", "2.", "a.", "e.", "s.", "u.", "t.", "R.", "b.", "h\u{5}.", "g0\n.", "(", ".", "(0.", "N(.",
            "NN.", "(Nd.", "](Nu.", "})a.", "N\u{71}\u{0}0."]
        {
            #expect(try failure(Op.op(text)).code == .malformed, "\(text)")
        }
    }

    @Test("a million nested lists are no deep recursion")
    func deepNesting() throws {
        let depth = 1_000_000
        let bytes = [UInt8](repeating: UInt8(ascii: "]"), count: depth)
            + [UInt8](repeating: UInt8(ascii: "a"), count: depth - 1) + Op.stop
        let pickle = try read(bytes)
        #expect(pickle.items(pickle.root)?.count == 1)
    }

    @Test("a list that holds itself twice, thirty times over, stays small")
    func billionLaughs() throws {
        var bytes = Op.op("]q") + [0]
        for level in UInt8(1)...30 { bytes += Op.op("](h") + [level - 1] + Op.op("h") + [level - 1] + Op.op("eq") + [level] }
        // All lists but the last are still on the stack.
        bytes += Op.op("q") + [31]
        bytes += [UInt8](repeating: UInt8(ascii: "0"), count: 31) + Op.op("h") + [31] + Op.stop
        let pickle = try read(bytes)
        #expect(pickle.items(pickle.root)?.count == 2)
    }

    @Test("calls that copy a kept value again and again are stopped")
    func copyBombs() throws {
        // A text of 64 KB, made into bytes 1,000 times.
        var bytes: [UInt8] = [0x58, 0, 0, 1, 0] + [UInt8](repeating: 65, count: 65536) + [0x71, 0] + Op.text("latin1")
            + [0x71, 1] + Op.global("_codecs", "encode") + [0x71, 2]
        for _ in 0..<1000 { bytes += [0x68, 2, 0x68, 0, 0x68, 1, 0x86] + Op.op("R0") }
        #expect(try failure(bytes + Op.stop).code == .tooLarge)
    }

    @Test("every entry of Geneformer's largest dictionary is read fast",
        .enabled(if: SharedData.has(SharedPickle.mapping), "skipped: ../shared/\(SharedPickle.mapping) is not there"))
    func realDictionary() throws {
        let clock = ContinuousClock()
        var count = 0
        var start: String?
        let time = try clock.measure {
            let pickle = try Pickle(path: SharedData.path(SharedPickle.mapping))
            let entries = try #require(pickle.entries(pickle.root))
            count = entries.count
            start = entries.first { $0.key.string == "TP53" }?.value.string
        }
        #expect(count == 173_697)
        #expect(start == "ENSG00000141510")
        print("173,697 entries in \(time)")
    }
}

enum SharedPickle {
    static let mapping = "data/geneformer/gc104M/ensembl_mapping_dict_gc104M.pkl"
}
