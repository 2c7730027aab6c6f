import Foundation

/// An .npy file read for the tests' own eyes: format 1.0, C order, <f4, <i8 or <u4.
struct NumPyArray {
    struct Failure: Error { let what: String }

    let shape: [Int]
    let values: [Double]

    init(_ data: Data) throws {
        let bytes = [UInt8](data)
        guard bytes.count > 10, Array(bytes[..<8]) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0] else {
            throw Failure(what: "magic")
        }
        let length = Int(bytes[8]) + 256 * Int(bytes[9])
        guard (10 + length) % 64 == 0, bytes[10 + length - 1] == 0x0A else { throw Failure(what: "header's length") }
        let header = String(decoding: bytes[10..<10 + length], as: UTF8.self)
        guard header.contains("'fortran_order': False") else { throw Failure(what: "order") }
        let inside = header.split(separator: "(")[1].split(separator: ")")[0]
        shape = inside.split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        let body = Array(bytes[(10 + length)...])
        func numbers<T>(_ width: Int, _ make: (UInt64) -> T) -> [T] {
            stride(from: 0, to: body.count, by: width).map { start in
                make((0..<width).reduce(UInt64(0)) { $0 | UInt64(body[start + $1]) << UInt64(8 * $1) })
            }
        }
        if header.contains("'<f4'") {
            values = numbers(4) { Double(Float(bitPattern: UInt32($0))) }
        } else if header.contains("'<i8'") {
            values = numbers(8) { Double(Int64(bitPattern: $0)) }
        } else if header.contains("'<u4'") {
            values = numbers(4) { Double($0) }
        } else {
            throw Failure(what: "type in \(header)")
        }
        guard values.count == shape.reduce(1, *) else { throw Failure(what: "shape") }
    }

    var rows: [[Double]] { (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) } }
}

/// A zip file of stored entries, found through its central directory (with zip64 fields), checked against the local
/// headers and their checksums.
enum StoredZip {
    static func entries(_ data: Data) throws -> [String: Data] {
        let bytes = [UInt8](data)
        func number(_ at: Int, _ width: Int) -> UInt64 {
            (0..<width).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
        }
        let end = bytes.count - 22
        guard end >= 0, number(end, 4) == 0x0605_4b50 else { throw NumPyArray.Failure(what: "end of directory") }
        var (count, start) = (Int(number(end + 10, 2)), number(end + 16, 4))
        if start == 0xFFFF_FFFF {
            guard number(end - 20, 4) == 0x0706_4b50 else { throw NumPyArray.Failure(what: "zip64 locator") }
            let record = Int(number(end - 12, 8))
            guard number(record, 4) == 0x0606_4b50 else { throw NumPyArray.Failure(what: "zip64 end") }
            count = Int(number(record + 32, 8))
            start = number(record + 48, 8)
        }
        var position = Int(start)
        var result: [String: Data] = [:]
        for _ in 0..<count {
            guard number(position, 4) == 0x0201_4b50 else { throw NumPyArray.Failure(what: "directory entry") }
            let (name, extra) = (Int(number(position + 28, 2)), Int(number(position + 30, 2)))
            let text = String(decoding: bytes[position + 46..<position + 46 + name], as: UTF8.self)
            let fields = position + 46 + name
            guard number(fields, 2) == 1 else { throw NumPyArray.Failure(what: "zip64 field") }
            let (size, offset) = (Int(number(fields + 4, 8)), Int(number(fields + 20, 8)))
            let local = offset + 30 + Int(number(offset + 26, 2)) + Int(number(offset + 28, 2))
            let content = Array(bytes[local..<local + size])
            guard number(offset, 4) == 0x0403_4b50, number(offset + 8, 2) == 0,
                number(position + 16, 4) == UInt64(crc32(content)), number(offset + 14, 4) == UInt64(crc32(content))
            else { throw NumPyArray.Failure(what: "local header of \(text)") }
            result[text] = Data(content)
            position = fields + extra
        }
        return result
    }

    /// CRC-32 (IEEE 802.3), a bit at a time.
    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { rest, _ in rest & 1 == 1 ? rest >> 1 ^ 0xEDB8_8320 : rest >> 1 }
        }
    }
}
