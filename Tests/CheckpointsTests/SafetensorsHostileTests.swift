import Checkpoints
import Testing

@Suite("Damaged and hostile safetensors files")
struct SafetensorsHostileTests {
    private func tensor(
        _ name: String = "t", _ dtype: String = "F32", shape: String = "[1]", offsets: String = "[0,4]"
    ) -> String {
        #""\#(name)":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}"#
    }

    private func code(_ bytes: [UInt8]) -> CheckpointError.Code? {
        do {
            _ = try SafetensorsFile(bytes: bytes, file: "hostile")
            return nil
        } catch {
            #expect(error.description.contains("(hostile"))
            return error.code
        }
    }

    @Test("A header length past the file or the format is an error, up to 16 EiB")
    func lengths() {
        #expect(code([]) == .malformed)
        #expect(code([1, 2, 3]) == .malformed)
        #expect(code(safetensorsBytes("{}", length: 3)) == .malformed)
        #expect(code(safetensorsBytes("{}", length: 100_000_000)) == .malformed)
        for length in [100_000_001, UInt64(Int64.max), UInt64(Int64.max) + 1, .max] {
            #expect(code(safetensorsBytes("{}", length: length)) == .tooLarge)
        }
    }

    @Test("A pointer that Git LFS left in place of the file is recognised")
    func largeFilePointer() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:a5e33a757431\nsize 41183536\n"
        #expect(code(Array(pointer.utf8)) == .unsupported)
    }

    @Test("A header that is no header is an error")
    func headers() {
        let bad = [
            "", " ", "{", "[]", "null", "3", "{}x", "\u{feff}{}", #"{"t":3}"#, #"{"t":{}}"#,
            #"{"__metadata__":{"a":1}}"#,
            #"{"__metadata__":[]}"#, #"{"t":{"dtype":"F32","shape":[1]}}"#, "{\(tensor("t", "F32", shape: "3"))}",
            "{\(tensor("t", "F32", shape: "[\"1\"]"))}", "{\(tensor("t", "F32", shape: "[0.25]"))}",
            String(repeating: "{\"a\":", count: 100_000), "{\"a\":" + String(repeating: "[", count: 100_000),
        ]
        for header in bad {
            #expect(code(safetensorsBytes(header, data: [0, 0, 0, 0])) == .malformed, "\(header.prefix(60))")
        }
        #expect(code(safetensorsBytes("{\"t\":\"") + [0xFF, 0xFE]) == .malformed)
        #expect(code(safetensorsBytes("{\(tensor("t", "F31"))}", data: [0, 0, 0, 0])) == .unsupported)
    }

    @Test("Shapes and offsets that do not fit are an error, without overflow")
    func sizes() {
        let bad = [
            tensor(shape: "[2]"), tensor(shape: "[-1]"), tensor(shape: "[-1,-1]"), tensor(offsets: "[0,5]"),
            tensor(offsets: "[4,0]"), tensor(offsets: "[0]"), tensor(offsets: "[]"), tensor(offsets: "[0,4,4]"),
            tensor(offsets: "[-4,0]"), tensor(offsets: "[1,5]"), tensor(offsets: "[0,9223372036854775807]"),
            tensor(offsets: "[0,18446744073709551615]"), tensor(offsets: "[-9223372036854775808,9223372036854775807]"),
            tensor(shape: "[4611686018427387904,4]"), tensor(shape: "[9223372036854775807,9223372036854775807]"),
            tensor(shape: "[18446744073709551616]"), tensor("t", "F4", shape: "[3]"),
            tensor("t", "F6_E2M3", shape: "[6]"),
            // The first overlaps the second, the second leaves a hole, there is data nobody owns.
            tensor("a") + "," + tensor("b"),
            tensor("a", "U8", shape: "[1]", offsets: "[0,1]") + "," + tensor("b", "U8", shape: "[2]", offsets: "[2,4]"),
            tensor("a", "U8", shape: "[1]", offsets: "[0,1]"), "",
        ]
        for entries in bad {
            #expect(code(safetensorsBytes("{\(entries)}", data: [0, 0, 0, 0])) == .malformed, "\(entries)")
        }
        #expect(code(safetensorsBytes("{\(tensor())}", data: [0, 0, 0])) == .malformed)
        // A dimension of 0 beside huge ones holds nothing; a header may end in spaces.
        let empty = tensor(shape: "[9223372036854775807,0,9223372036854775807]", offsets: "[0,0]")
        #expect(code(safetensorsBytes("{\(empty)}   ")) == nil)
    }

    @Test("Random damage gives an error or a readable file, never a trap")
    func randomDamage() throws {
        let good = safetensorsBytes(
            #"{"__metadata__":{"format":"pt"},"#
                + tensor("a", "F32", shape: "[2,2]", offsets: "[0,16]") + ","
                + tensor("b", "F16", shape: "[3]", offsets: "[16,22]") + ","
                + tensor("c", "I64", shape: "[1]", offsets: "[22,30]") + "}",
            data: [UInt8](repeating: 0x3C, count: 30))
        #expect(code(good) == nil)
        var state: UInt64 = 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let interesting = Array("{}[]\",:0123456789-FIU_e. ".utf8) + [0, 0x7F, 0x80, 0xFF]
        var failures = 0
        for _ in 0..<4000 {
            var bytes = good
            for _ in 0...random(3) {
                switch random(4) {
                case 0: bytes.remove(at: random(bytes.count))
                case 1: bytes.insert(interesting[random(interesting.count)], at: random(bytes.count))
                case 2: bytes.removeLast(random(10))
                default: bytes[random(bytes.count)] = interesting[random(interesting.count)]
                }
            }
            do {
                let file = try SafetensorsFile(bytes: bytes, file: "damaged")
                for name in file.tensorNames {
                    let count = (file.shape(of: name) ?? []).reduce(1, *)
                    if let values = try? file.floats(name) { #expect(values.count == count) }
                }
            } catch {
                failures += 1
            }
        }
        #expect(failures > 2000 && failures < 4000)
    }
}
