/// What a Python pickle holds, read without running anything (the format: Python's `pickletools`, protocols 0 to 5).
///
/// A pickle is a program that builds objects. Here only plain data is built: numbers, texts, bytes, lists, tuples,
/// dicts and sets, NumPy scalars (which become numbers) and descriptions of PyTorch tensors. Containers are indices
/// into one table, so that an object that occurs many times exists once, and cycles do no harm.
package struct Pickle: Sendable {
    /// A value; containers are looked up in the pickle that they come from.
    package enum Value: Sendable {
        case none
        case bool(Bool)
        case int(Int)
        case float(Double)
        case string(String)
        case bytes([UInt8])
        /// A list, tuple, dict, set, tensor, … by its place in the table of objects.
        case object(Int)
    }

    /// An object that values refer to.
    enum Object: Sendable {
        case sequence(SequenceKind, [Value])
        case dict([(key: Value, value: Value)])
        case global(PickleGlobal)
        case numpyType(NumpyType)
        case storage(TorchStorage)
        case tensor(TorchTensor)
        /// While the object is being changed.
        case taken
    }

    enum SequenceKind: Sendable { case list, tuple, set }

    /// The outermost value.
    package let root: Value
    let objects: [Object]

    /// The entries of a dict in the order of insertion (a key may occur again: the later one counts); nil if `value`
    /// is no dict.
    package func entries(_ value: Value) -> [(key: Value, value: Value)]? {
        guard case .object(let index) = value, case .dict(let entries) = objects[index] else { return nil }
        return entries
    }

    /// The items of a list, tuple or set; nil if `value` is none.
    package func items(_ value: Value) -> [Value]? {
        guard case .object(let index) = value, case .sequence(_, let items) = objects[index] else { return nil }
        return items
    }

    /// The description of a PyTorch tensor; nil if `value` is none.
    func tensor(_ value: Value) -> TorchTensor? {
        guard case .object(let index) = value, case .tensor(let tensor) = objects[index] else { return nil }
        return tensor
    }
}

extension Pickle.Value {
    /// The text; nil if it is none.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The whole number; nil if it is none.
    package var int: Int? {
        guard case .int(let number) = self else { return nil }
        return number
    }

    /// The number, whole or not; nil if it is none.
    package var double: Double? {
        switch self {
        case .int(let number): Double(number)
        case .float(let number): number
        default: nil
        }
    }
}

/// The bytes of a tensor's values in a PyTorch file, which several tensors may share.
struct TorchStorage: Sendable, Hashable {
    /// Name of the record that holds them, behind `data/`.
    let key: String
    /// Element type; nil for bytes without one.
    let type: TensorType?
    /// Number of elements; of bytes, if there is no element type.
    let count: Int
}

/// A tensor of a PyTorch file: a view of a storage.
struct TorchTensor: Sendable, Hashable {
    let storage: TorchStorage
    let type: TensorType
    /// Place of the first element in the storage, in elements.
    let offset: Int
    /// Outermost dimension first; ≥ 0.
    let shape: [Int]
    /// Elements from one index of a dimension to the next; ≥ 0, one for each dimension.
    let strides: [Int]
}
