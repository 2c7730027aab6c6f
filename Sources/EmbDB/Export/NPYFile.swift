internal import Foundation
internal import Numerics

/// NumPy's array file (format 1.0 and 2.0, as specified in `numpy.lib.format`): what ``Database`` exports embeddings
/// to and takes query vectors from.
package enum NPYFile {
    /// More than any array of numbers needs; NumPy itself refuses to read headers above 10,000 bytes.
    private static let longestHeader = 1 << 16

    /// The bytes before the data of a C-ordered array: magic, version, and the header padded to 64 bytes.
    static func header(descriptor: String, shape: [Int]) -> [UInt8] {
        let dimensions = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(dimensions)), }"
        let padding = (64 - (10 + text.utf8.count + 1) % 64) % 64
        text += String(repeating: " ", count: padding) + "\n"
        let length = text.utf8.count
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
    }

    /// The vectors of `readMatrix(_:)`, one array each.
    ///
    /// - Throws: as `readMatrix(_:)`.
    package static func readVectors(_ path: String) throws(EmbDBError) -> [[Float]] {
        let matrix = try readMatrix(path)
        return (0..<matrix.rows).map { Array(matrix[row: $0]) }
    }

    /// Reads a one- or two-dimensional array of float32 or float64 (little-endian, C order); one dimension becomes
    /// one row.
    ///
    /// - Throws: ``EmbDBError/Code/input`` that names the file and what is wrong: not an .npy file, another type,
    ///   Fortran order, more dimensions, too short, NaN or infinite values (with the row).
    static func readMatrix(_ path: String) throws(EmbDBError) -> Matrix {
        func fail(_ what: String, _ advice: String) -> EmbDBError {
            EmbDBError(.input, "\(what) (\(path)): \(advice)")
        }
        let data: [UInt8]
        do {
            data = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe))
        } catch {
            throw fail("the vectors cannot be read", "check that the file is there and readable")
        }
        guard data.count >= 12, data[0] == 0x93, data[1..<6].elementsEqual("NUMPY".utf8) else {
            throw fail("not an .npy file", "save the vectors with numpy.save")
        }
        let (start, length) =
            data[6] == 1
            ? (10, Int(data[8]) | Int(data[9]) << 8)
            : (12, (0..<4).reduce(0) { $0 | Int(data[8 + $1]) << (8 * $1) })
        guard length <= longestHeader else {
            throw fail("the .npy header is \(length) bytes long", "save the vectors with numpy.save")
        }
        guard start + length <= data.count else { throw fail("the .npy header is cut off", "copy the file again") }
        let header = String(decoding: data[start..<start + length], as: UTF8.self)
        guard let descriptor = header.firstMatch(of: /'descr': *'([^']*)'/)?.1,
            let shapeText = header.firstMatch(of: /'shape': *\(([0-9, ]*)\)/)?.1
        else { throw fail("the .npy header names no type or shape", "save the vectors with numpy.save") }
        guard !header.contains("'fortran_order': True") else {
            throw fail("the array is in Fortran order", "save numpy.ascontiguousarray(vectors)")
        }
        let sizes = shapeText.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter {
            !$0.isEmpty
        }
        let shape = sizes.compactMap { Int($0) }
        guard shape.count == sizes.count else {
            throw fail("the .npy header says the shape (\(shapeText))", "save the vectors with numpy.save")
        }
        guard shape.count == 1 || shape.count == 2 else {
            throw fail("the array has \(shape.count) dimensions", "one row a vector is expected, [vectors, dimension]")
        }
        let (rows, columns) = shape.count == 1 ? (1, shape[0]) : (shape[0], shape[1])
        let width: Int
        switch descriptor {
        case "<f4": width = 4
        case "<f8": width = 8
        default: throw fail("the array is of type \(descriptor)", "save vectors.astype('float32')")
        }
        let (cells, overflow) = rows.multipliedReportingOverflow(by: columns)
        let body = start + length
        guard !overflow, cells <= (data.count - body) / width, cells * width == data.count - body else {
            throw fail(
                "the array says [\(rows), \(columns)] but holds \(data.count - body) bytes", "copy the file again")
        }
        var matrix = Matrix(rows: rows, columns: columns)
        data.withUnsafeBytes { bytes in
            for index in 0..<cells {
                matrix.values[index] =
                    width == 4
                    ? bytes.loadUnaligned(fromByteOffset: body + 4 * index, as: Float.self)
                    : Float(bytes.loadUnaligned(fromByteOffset: body + 8 * index, as: Double.self))
            }
        }
        if let bad = matrix.values.firstIndex(where: { !$0.isFinite }) {
            throw fail("row \(bad / max(1, columns)) holds \(matrix.values[bad])", "a vector must be finite")
        }
        return matrix
    }
}
