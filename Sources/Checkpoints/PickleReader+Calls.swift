// What the calls in a pickle would have made, for the few names of ``PickleGlobal``.

extension PickleReader {
    /// The value that calling `function` stands for.
    mutating func result(
        of function: Pickle.Value, arguments: Pickle.Value
    ) throws(CheckpointError) -> Pickle.Value {
        guard case .object(let index) = function, case .global(let global) = objects[index] else {
            throw unsupported("the pickle calls what is no known name, which is not read because a pickle can run code")
        }
        guard let arguments = items(arguments) else { throw malformed("a call has no tuple of arguments") }
        switch global {
        case .orderedDict: return try orderedDict(arguments)
        case .numpyScalar:
            guard arguments.count == 2, case .numpyType(let type)? = object(arguments[0]),
                case .bytes(let bytes) = arguments[1], let number = type.number(bytes)
            else { throw malformed("a NumPy number has no type or not the bytes of its type") }
            return number
        case .numpyType:
            guard let code = arguments.first?.string, let type = NumpyType(code: code) else {
                throw unsupported("the pickle holds a NumPy type that is no plain number")
            }
            return make(.numpyType(type))
        case .encode:
            guard arguments.count == 2, let text = arguments[0].string, arguments[1].string == "latin1" else {
                throw malformed("bytes are not written as Latin-1 text")
            }
            try charge(text.utf8.count)
            var bytes: [UInt8] = []
            for scalar in text.unicodeScalars {
                guard let byte = UInt8(exactly: scalar.value) else {
                    throw malformed("bytes are not written as Latin-1 text")
                }
                bytes.append(byte)
            }
            return .bytes(bytes)
        case .torchSize:
            guard arguments.count == 1, let sizes = items(arguments[0]) else { throw malformed("a size is no tuple") }
            try charge(sizes.count)
            return make(.sequence(.tuple, sizes))
        case .rebuildTensor: return try tensor(arguments, type: nil)
        case .rebuildTensorWithType:
            guard arguments.count >= 7, case .global(.torchType(let type))? = object(arguments[6]) else {
                throw malformed("a tensor has no element type")
            }
            return try tensor(arguments, type: type)
        case .rebuildParameter:
            guard let data = arguments.first, case .tensor? = object(data) else {
                throw malformed("a parameter is no tensor")
            }
            return data
        case .torchStorage, .torchType:
            throw unsupported("the pickle calls a PyTorch class, which is not read because a pickle can run code")
        }
    }

    /// Does what BUILD would do: a NumPy type gets its byte order; what is set on a dict beside its entries (the
    /// `_metadata` of a state dict) is left out.
    mutating func setState(of value: Pickle.Value, to state: Pickle.Value) throws(CheckpointError) {
        guard case .object(let index) = value else { throw malformed("it sets the state of what has none") }
        switch objects[index] {
        case .dict: return
        case .numpyType(var type):
            guard let state = items(state), state.count >= 2, let order = state[1].string else {
                throw malformed("a NumPy type has no byte order")
            }
            guard order.count == 1, "<>=|".contains(order) else {
                throw malformed("a NumPy type's byte order is \(order)")
            }
            type.isBigEndian = order == ">"
            objects[index] = .numpyType(type)
        default:
            throw unsupported("the pickle sets the state of an object, which is not read because a pickle can run code")
        }
    }

    /// A persistent id, which PyTorch uses for storages: ('storage', class, key, device, elements).
    mutating func persistent(_ id: Pickle.Value) throws(CheckpointError) -> Pickle.Value {
        guard let id = items(id), id.count >= 5, id[0].string == "storage",
            case .global(.torchStorage(let type))? = object(id[1]), let key = id[2].string, let count = id[4].int,
            count >= 0
        else { throw unsupported("the pickle refers to something outside of it that is no PyTorch storage") }
        return make(.storage(TorchStorage(key: key, type: type, count: count)))
    }

    /// (storage, offset, size, stride, …) as PyTorch's `_rebuild_tensor_v2` takes them.
    private mutating func tensor(
        _ arguments: [Pickle.Value], type: TensorType?
    ) throws(CheckpointError) -> Pickle.Value {
        guard arguments.count >= 4, case .storage(let storage)? = object(arguments[0]),
            let offset = arguments[1].int, offset >= 0,
            let shape = items(arguments[2])?.map(\.int), let strides = items(arguments[3])?.map(\.int),
            shape.count == strides.count, shape.count <= 64
        else { throw malformed("a tensor has no storage, offset, size or stride") }
        try charge(shape.count)
        let sizes = shape.compactMap(\.self)
        let steps = strides.compactMap(\.self)
        guard sizes.count == shape.count, steps.count == strides.count, sizes.allSatisfy({ $0 >= 0 }),
            steps.allSatisfy({ $0 >= 0 })
        else { throw malformed("a tensor's size or stride is not a whole number above or equal to 0") }
        guard let type = type ?? storage.type else { throw malformed("a tensor has no element type") }
        return make(.tensor(TorchTensor(storage: storage, type: type, offset: offset, shape: sizes, strides: steps)))
    }

    private mutating func orderedDict(_ arguments: [Pickle.Value]) throws(CheckpointError) -> Pickle.Value {
        guard let first = arguments.first else { return make(.dict([])) }
        // Python 2 gives the entries as a list of pairs.
        guard arguments.count == 1, let pairs = items(first) else {
            throw malformed("an OrderedDict has odd arguments")
        }
        try charge(pairs.count)
        var entries: [(key: Pickle.Value, value: Pickle.Value)] = []
        for pair in pairs {
            guard let pair = items(pair), pair.count == 2 else { throw malformed("an OrderedDict has odd arguments") }
            entries.append((pair[0], pair[1]))
        }
        return make(.dict(entries))
    }

    private func items(_ value: Pickle.Value) -> [Pickle.Value]? {
        guard case .sequence(_, let items)? = object(value) else { return nil }
        return items
    }

    private func object(_ value: Pickle.Value) -> Pickle.Object? {
        guard case .object(let index) = value else { return nil }
        return objects[index]
    }
}
