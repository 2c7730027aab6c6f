import Foundation
import Testing

/// A reader and writer of `.npy` and `.npz` of its own, so that the program's are not checked by themselves.
struct NumPyFile {
    let header: String
    let shape: [Int]
    private let body: Data

    /// Format 1.0: magic, version, header length in two bytes, header, data.
    init(_ bytes: Data) throws {
        let bytes = Data(bytes)
        try #require(bytes.count > 10 && bytes.prefix(8) == Data([0x93] + Array("NUMPY".utf8) + [1, 0]))
        let length = Int(bytes[8]) | Int(bytes[9]) << 8
        // numpy wants the data aligned to 64 bytes.
        try #require((10 + length) % 64 == 0 && bytes.count >= 10 + length)
        header = String(decoding: bytes[10..<10 + length], as: UTF8.self)
        let tuple = try #require(header.firstMatch(of: /'shape': \(([0-9, ]*)\)/)).1
        shape = tuple.split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        body = Data(bytes[(10 + length)...])
    }

    private func values<T: BitwiseCopyable>(_ descriptor: String, as type: T.Type) throws -> [T] {
        try #require(header.contains("'descr': '\(descriptor)'"), "\(header)")
        try #require(body.count == shape.reduce(1, *) * MemoryLayout<T>.size)
        return body.withUnsafeBytes { raw in
            (0..<raw.count / MemoryLayout<T>.size).map {
                raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
            }
        }
    }

    /// float32 [rows, columns]
    var rows: [[Float]] {
        get throws {
            let values = try values("<f4", as: Float.self)
            return (0..<shape[0]).map { Array(values[$0 * shape[1]..<($0 + 1) * shape[1]]) }
        }
    }

    var int64: [Int64] { get throws { try values("<i8", as: Int64.self) } }
    var uint32: [UInt32] { get throws { try values("<u4", as: UInt32.self) } }

    /// float32 [rows, columns] as a file.
    static func bytes(_ rows: [[Float]]) -> Data {
        var data = start("<f4", "\(rows.count), \(rows.first?.count ?? 0)")
        for row in rows { row.withUnsafeBytes { data.append(contentsOf: $0) } }
        return data
    }

    /// int32 [rows, columns] as a file.
    static func bytes(integers rows: [[Int32]]) -> Data {
        var data = start("<i4", "\(rows.count), \(rows.first?.count ?? 0)")
        for row in rows { row.withUnsafeBytes { data.append(contentsOf: $0) } }
        return data
    }

    /// bool [count] as a file.
    static func bytes(_ values: [Bool]) -> Data {
        start("|b1", "\(values.count),") + Data(values.map { $0 ? 1 : 0 })
    }

    private static func start(_ descriptor: String, _ shape: String) -> Data {
        var header = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(shape)), }"
        header += String(repeating: " ", count: (128 - 11 - header.utf8.count)) + "\n"
        return Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8))
    }

    /// The entries of an archive: the local headers in a row, nothing compressed, sizes in the zip64 field.
    static func archive(_ bytes: Data) throws -> [String: NumPyFile] {
        let bytes = Data(bytes)
        func integer(_ at: Int, _ width: Int) -> Int { (0..<width).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
        var files: [String: NumPyFile] = [:]
        var position = 0
        while position + 30 <= bytes.count, integer(position, 4) == 0x0403_4b50 {
            try #require(integer(position + 8, 2) == 0, "compressed")
            let (nameLength, extraLength) = (integer(position + 26, 2), integer(position + 28, 2))
            let name = String(decoding: bytes[position + 30..<position + 30 + nameLength], as: UTF8.self)
            var size = integer(position + 22, 4)
            let extra = position + 30 + nameLength
            if size == 0xFFFF_FFFF {
                try #require(integer(extra, 2) == 1)
                size = integer(extra + 4, 8)
            }
            let start = extra + extraLength
            files[name] = try NumPyFile(bytes[start..<start + size])
            position = start + size
        }
        return files
    }
}
