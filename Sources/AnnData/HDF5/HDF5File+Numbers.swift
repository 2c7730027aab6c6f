/// Reading numbers of any element type as one type. The arrays are emptied first and keep their memory.
extension HDF5File {
    /// Elements of a part of a dataset as doubles; integers beyond 2^53 are rounded.
    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Double]) throws(AnnDataError) {
        try requireNumbers(dataset)
        try withElements(dataset, start: start, count: count) { bytes in
            convert(bytes, dataset.type, &values, float: { Double($0) }, double: { $0 }, signed: { Double($0) }) {
                Double($0)
            }
        }
    }

    /// Elements of a part of a dataset as floats.
    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Float]) throws(AnnDataError) {
        try requireNumbers(dataset)
        try withElements(dataset, start: start, count: count) { bytes in
            convert(bytes, dataset.type, &values, float: { $0 }, double: { Float($0) }, signed: { Float($0) }) {
                Float($0)
            }
        }
    }

    /// Elements of a part of an integer (or boolean) dataset. Values above Int64's become Int64.max, which no check
    /// of a range lets pass.
    func read(_ dataset: DatasetInfo, start: [Int], count: [Int], into values: inout [Int]) throws(AnnDataError) {
        guard dataset.type.isInteger || dataset.type == .boolean else {
            throw AnnDataError(
                .unsupportedEncoding, file: path, path: dataset.path, "\(dataset.path) holds no integers")
        }
        try withElements(dataset, start: start, count: count) { bytes in
            convert(bytes, dataset.type, &values, float: { _ in 0 }, double: { _ in 0 }, signed: { Int($0) }) {
                Int(clamping: $0)
            }
        }
    }

    private func requireNumbers(_ dataset: DatasetInfo) throws(AnnDataError) {
        guard dataset.type.isNumeric || dataset.type == .boolean else {
            throw AnnDataError(.unsupportedEncoding, file: path, path: dataset.path, "\(dataset.path) holds no numbers")
        }
    }
}

@inline(__always)
private func convert<Value>(
    _ bytes: UnsafeRawBufferPointer, _ type: ElementType, _ values: inout [Value],
    float: (Float) -> Value, double: (Double) -> Value, signed: (Int64) -> Value, unsigned: (UInt64) -> Value
) {
    values.removeAll(keepingCapacity: true)
    @inline(__always) func fill<T>(_ type: T.Type, _ make: (T) -> Value) {
        let elements = bytes.bindMemory(to: T.self)
        values.reserveCapacity(elements.count)
        for element in elements { values.append(make(element)) }
    }
    switch type {
    case .float32: fill(Float.self, float)
    case .float64: fill(Double.self, double)
    case .int8: fill(Int8.self) { signed(Int64($0)) }
    case .int16: fill(Int16.self) { signed(Int64($0)) }
    case .int32: fill(Int32.self) { signed(Int64($0)) }
    case .int64: fill(Int64.self, signed)
    case .uint8, .boolean: fill(UInt8.self) { unsigned(UInt64($0)) }
    case .uint16: fill(UInt16.self) { unsigned(UInt64($0)) }
    case .uint32: fill(UInt32.self) { unsigned(UInt64($0)) }
    case .uint64: fill(UInt64.self, unsigned)
    case .string, .other: break
    }
}
