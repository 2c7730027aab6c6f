/// The type of a dataset's elements, as the reader process hands them over.
package enum ElementType: UInt8, Sendable {
    /// float16 and narrower arrive as float32, wider than float64 as float64.
    case float32 = 1, float64
    case int8, int16, int32, int64
    case uint8, uint16, uint32, uint64
    /// An enum of FALSE and TRUE over int8, as h5py writes bool; one byte, 0 or 1.
    case boolean
    /// Fixed or variable length, ASCII or UTF-8.
    case string
    /// Compound (its members are read one by one), reference, other enums, …: not read.
    case other

    /// Bytes of an element in memory; 0 for those that are not read as numbers.
    package var size: Int {
        switch self {
        case .int8, .uint8, .boolean: 1
        case .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        case .string, .other: 0
        }
    }

    package var isInteger: Bool { rawValue >= ElementType.int8.rawValue && rawValue <= ElementType.uint64.rawValue }
    package var isFloat: Bool { self == .float32 || self == .float64 }
    package var isNumeric: Bool { isInteger || isFloat }
}

/// What a link of a group leads to.
package enum ElementKind: UInt8, Sendable {
    case group = 1
    case dataset
    /// A named type, or a link that leads nowhere.
    case other

    init(_ code: UInt8) { self = ElementKind(rawValue: code) ?? .other }
}

/// Where a dataset lies, its shape and its elements.
package struct DatasetInfo: Sendable {
    package let path: String
    /// The member of a table (a dataset of compound type) whose elements these are; nil for others. The sides of a
    /// member that is an array are the last ones of `shape`.
    package var member: String?
    package let type: ElementType
    /// Empty for a scalar.
    package let shape: [Int]
    /// Empty where the elements lie in one piece.
    package var chunk: [Int] = []
    /// Names of the filters that the elements went through, in order of writing.
    package var filters: [String] = []
    /// Whether the chunks are read from the file itself, see ``DirectChunks``.
    package var hasDirectChunks = false

    /// Elements; the reader process has refused shapes that overflow.
    package var count: Int { shape.reduce(1, *) }
}

/// The elements of an attribute; a scalar is one element.
package enum AttributeValue: Sendable, Equatable {
    case strings([String])
    case integers([Int64])
    case numbers([Double])
    case booleans([Bool])
    /// An element type that is not read (references, compounds).
    case other

    package var string: String? {
        if case .strings(let values) = self, values.count == 1 { values[0] } else { nil }
    }
    package var boolean: Bool? {
        switch self {
        case .booleans(let values) where values.count == 1: values[0]
        case .integers(let values) where values.count == 1: values[0] != 0
        default: nil
        }
    }
    /// Texts; an empty array of any type is an empty array of texts (an empty `column-order` is written as floats).
    package var stringArray: [String]? {
        switch self {
        case .strings(let values): values
        case .integers(let values) where values.isEmpty: []
        case .numbers(let values) where values.isEmpty: []
        case .booleans(let values) where values.isEmpty: []
        default: nil
        }
    }
    package var integerArray: [Int64]? {
        if case .integers(let values) = self { values } else { nil }
    }
}

extension AttributeValue {
    /// Decodes what `HDF5Library.attributes` writes; nil if it makes no sense.
    init?(_ wire: inout WireReader) {
        guard let code = wire.take(UInt8.self) else { return nil }
        if code == 0 {
            self = .other
            return
        }
        guard let count = wire.takeCount(bytesEach: 1) else { return nil }
        func values<T>(_ take: (inout WireReader) -> T?) -> [T]? {
            var result: [T] = []
            for _ in 0..<count {
                guard let value = take(&wire) else { return nil }
                result.append(value)
            }
            return result
        }
        let value: AttributeValue? =
            switch code {
            case 1: values { $0.takeString() }.map { .strings($0) }
            case 2: values { $0.take(Int64.self) }.map { .integers($0) }
            case 3: values { $0.takeDouble() }.map { .numbers($0) }
            case 4: values { $0.take(UInt8.self) }.map { .booleans($0.map { $0 != 0 }) }
            default: nil
            }
        guard let value else { return nil }
        self = value
    }
}
