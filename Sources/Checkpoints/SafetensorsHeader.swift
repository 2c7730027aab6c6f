internal import Foundation

/// The directory of a safetensors file, checked: every tensor's bytes lie inside of the data, without overlap or
/// hole, and are as many as its shape and type ask for.
struct SafetensorsHeader {
    /// The format's limit on the header, in bytes.
    static let maximumLength = 100_000_000

    struct Tensor: Sendable {
        let type: TensorType
        let shape: [Int]
        /// Place of the values, from the first byte after the header.
        let bytes: Range<Int>
    }

    let tensors: [String: Tensor]
    let metadata: [String: String]

    /// Parses and checks a header of `json` before `dataSize` bytes of values.
    ///
    /// - Throws: ``CheckpointError`` `unsupported` for an unknown type, else `malformed`.
    init(json: [UInt8], dataSize: Int, file: String) throws(CheckpointError) {
        // Offsets are signed 64-bit here; no file is longer.
        let raw: RawHeader
        do {
            guard json.first == UInt8(ascii: "{") else {
                throw CheckpointError(.malformed, file: file, detail: "the header does not begin with {")
            }
            raw = try JSONDecoder().decode(RawHeader.self, from: Data(json))
        } catch let error as CheckpointError {
            throw error
        } catch {
            throw CheckpointError(
                .malformed, file: file, detail: "the header is no safetensors header: \(Self.reason(error))")
        }
        var tensors: [String: Tensor] = [:]
        tensors.reserveCapacity(raw.entries.count)
        for (name, entry) in raw.entries {
            tensors[name] = try Self.tensor(name, entry, file: file)
        }
        var end = 0
        let order = tensors.sorted {
            ($0.value.bytes.lowerBound, $0.value.bytes.upperBound, $0.key)
                < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound, $1.key)
        }
        for (name, tensor) in order {
            guard tensor.bytes.lowerBound == end else {
                let fault = tensor.bytes.lowerBound < end ? "overlaps the one before" : "leaves a hole before it"
                throw CheckpointError(
                    .malformed, file: file, tensor: name,
                    detail:
                        "the tensor begins at byte \(tensor.bytes.lowerBound) of the data and \(fault) (\(end) expected)"
                )
            }
            end = tensor.bytes.upperBound
        }
        guard end == dataSize else {
            throw CheckpointError(
                .malformed, file: file,
                detail: "the tensors need \(end) bytes of data, the file has \(dataSize)")
        }
        self.tensors = tensors
        metadata = raw.metadata
    }

    private static func tensor(
        _ name: String, _ entry: RawTensor, file: String
    ) throws(CheckpointError) -> Tensor {
        func malformed(_ detail: String) -> CheckpointError {
            CheckpointError(.malformed, file: file, tensor: name, detail: detail)
        }
        guard let type = TensorType(rawValue: entry.dtype) else {
            throw CheckpointError(
                .unsupported, file: file, tensor: name, detail: "the type \(entry.dtype.debugDescription) is not known")
        }
        guard entry.data_offsets.count == 2, let begin = entry.data_offsets.first, let end = entry.data_offsets.last,
            begin >= 0, end >= begin
        else { throw malformed("data_offsets \(entry.data_offsets) are no begin and end") }
        guard entry.shape.allSatisfy({ $0 >= 0 }) else { throw malformed("the shape \(entry.shape) is negative") }
        var bits = type.bits
        // With a 0 in the shape there are no values, however large the other dimensions are.
        for size in entry.shape.contains(0) ? [0] : entry.shape {
            let (product, overflow) = bits.multipliedReportingOverflow(by: size)
            guard !overflow else { throw malformed("the shape \(entry.shape) is too large for any file") }
            bits = product
        }
        guard bits % 8 == 0, bits / 8 == end - begin else {
            throw malformed(
                "shape \(entry.shape) of \(type.rawValue) is \(bits) bits, data_offsets give \(end - begin) bytes")
        }
        return Tensor(type: type, shape: entry.shape, bytes: begin..<end)
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            let place = context.codingPath.map(\.stringValue).joined(separator: "/")
            return (place.isEmpty ? "" : "at \(place): ") + context.debugDescription
        @unknown default: return "\(error)"
        }
    }
}

/// The header as JSON has it.
private struct RawHeader: Decodable {
    var metadata: [String: String] = [:]
    var entries: [String: RawTensor] = [:]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: TensorName.self)
        for key in container.allKeys {
            if key.stringValue == "__metadata__" {
                metadata = try container.decode([String: String].self, forKey: key)
            } else {
                entries[key.stringValue] = try container.decode(RawTensor.self, forKey: key)
            }
        }
    }
}

/// One tensor of the header, by the format's own field names.
struct RawTensor: Codable {
    var dtype: String
    var shape: [Int]
    var data_offsets: [Int]
}

/// Any key of the header.
struct TensorName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
