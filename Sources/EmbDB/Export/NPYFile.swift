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
        let array = try Contents(path)
        guard array.shape.count == 1 || array.shape.count == 2 else {
            throw array.refused(
                "the array has \(array.shape.count) dimensions", "one row a vector is expected, [vectors, dimension]")
        }
        guard let width = ["<f4": 4, "<f8": 8][array.descriptor] else {
            throw array.refused("the array is of type \(array.descriptor)", "save vectors.astype('float32')")
        }
        let count = try array.count(width: width)
        let columns = array.shape[array.shape.count - 1]
        var matrix = Matrix(rows: array.shape.count == 1 ? 1 : array.shape[0], columns: columns)
        array.bytes.withUnsafeBytes { bytes in
            for index in 0..<count {
                matrix.values[index] =
                    width == 4
                    ? bytes.loadUnaligned(fromByteOffset: array.start + 4 * index, as: Float.self)
                    : Float(bytes.loadUnaligned(fromByteOffset: array.start + 8 * index, as: Double.self))
            }
        }
        if let bad = matrix.values.firstIndex(where: { !$0.isFinite }) {
            throw array.refused("row \(bad / max(1, columns)) holds \(matrix.values[bad])", "a vector must be finite")
        }
        return matrix
    }

    /// Reads a one-dimensional array of truth values, `count` of them.
    ///
    /// - Throws: ``EmbDBError/Code/input`` for anything else.
    static func readMask(_ path: String, count: Int) throws(EmbDBError) -> Bitmap {
        let array = try Contents(path)
        guard array.descriptor == "|b1", array.shape == [count] else {
            let shape = array.shape.map(String.init).joined(separator: ", ")
            throw array.refused(
                "the array is of type \(array.descriptor) and shape [\(shape)]",
                "one truth value a vector is expected, bool [\(count)]")
        }
        _ = try array.count(width: 1)
        var mask = Bitmap(count: count)
        for row in 0..<count where array.bytes[array.start + row] != 0 { mask[row] = true }
        return mask
    }

    /// Whole numbers, row after row.
    struct Integers {
        let rows: Int
        let columns: Int
        let values: [Int32]
    }

    /// Reads a two-dimensional array of int32.
    ///
    /// - Throws: ``EmbDBError/Code/input`` as ``readMatrix(_:)``.
    static func readIntegers(_ path: String) throws(EmbDBError) -> Integers {
        let array = try Contents(path)
        guard array.shape.count == 2 else {
            throw array.refused("the array has \(array.shape.count) dimensions", "two are expected, [rows, columns]")
        }
        guard array.descriptor == "<i4" else {
            throw array.refused("the array is of type \(array.descriptor)", "save array.astype('int32')")
        }
        let count = try array.count(width: 4)
        let values = array.bytes.withUnsafeBytes { bytes in
            (0..<count).map { bytes.loadUnaligned(fromByteOffset: array.start + 4 * $0, as: Int32.self) }
        }
        return Integers(rows: array.shape[0], columns: array.shape[1], values: values)
    }

    /// An array as it lies in the file.
    private struct Contents {
        let path: String
        let descriptor: String
        let shape: [Int]
        let bytes: [UInt8]
        /// Where the elements begin.
        let start: Int

        init(_ path: String) throws(EmbDBError) {
            func fail(_ what: String, _ advice: String) -> EmbDBError {
                EmbDBError(.input, "\(what) (\(path)): \(advice)")
            }
            let data: [UInt8]
            do {
                data = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe))
            } catch {
                throw fail("the array cannot be read", "check that the file is there and readable")
            }
            guard data.count >= 12, data[0] == 0x93, data[1..<6].elementsEqual("NUMPY".utf8) else {
                throw fail("not an .npy file", "save the array with numpy.save")
            }
            let (start, length) =
                data[6] == 1
                ? (10, Int(data[8]) | Int(data[9]) << 8)
                : (12, (0..<4).reduce(0) { $0 | Int(data[8 + $1]) << (8 * $1) })
            guard length <= longestHeader else {
                throw fail("the .npy header is \(length) bytes long", "save the array with numpy.save")
            }
            guard start + length <= data.count else { throw fail("the .npy header is cut off", "copy the file again") }
            let header = String(decoding: data[start..<start + length], as: UTF8.self)
            guard let descriptor = header.firstMatch(of: /'descr': *'([^']*)'/)?.1,
                let shapeText = header.firstMatch(of: /'shape': *\(([0-9, ]*)\)/)?.1
            else { throw fail("the .npy header names no type or shape", "save the array with numpy.save") }
            guard !header.contains("'fortran_order': True") else {
                throw fail("the array is in Fortran order", "save numpy.ascontiguousarray(array)")
            }
            let sizes = shapeText.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter {
                !$0.isEmpty
            }
            let shape = sizes.compactMap { Int($0) }
            guard shape.count == sizes.count else {
                throw fail("the .npy header says the shape (\(shapeText))", "save the array with numpy.save")
            }
            self.path = path
            self.descriptor = String(descriptor)
            self.shape = shape
            bytes = data
            self.start = start + length
        }

        func refused(_ what: String, _ advice: String) -> EmbDBError {
            EmbDBError(.input, "\(what) (\(path)): \(advice)")
        }

        /// Number of elements, each `width` bytes long: as many as the file holds.
        func count(width: Int) throws(EmbDBError) -> Int {
            var count = 1
            var isTooLarge = false
            for size in shape {
                let (product, overflow) = count.multipliedReportingOverflow(by: size)
                count = product
                isTooLarge = isTooLarge || overflow
            }
            guard !isTooLarge, count <= (bytes.count - start) / width, count * width == bytes.count - start else {
                throw refused(
                    "the array says [\(shape.map(String.init).joined(separator: ", "))] but holds "
                        + "\(bytes.count - start) bytes", "copy the file again")
            }
            return count
        }
    }
}
