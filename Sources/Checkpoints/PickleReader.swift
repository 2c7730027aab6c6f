/// Steps through the opcodes of a pickle. Every length is checked against the bytes that are left, and the number of
/// values is bounded, so a hostile file costs no more than a constant times its size.
struct PickleReader {
    /// Values that may be made: dictionaries of genes need some hundred thousand.
    static let maximumValues = 1 << 24

    let file: String
    private let bytes: [UInt8]
    var position = 0
    private var stack: [Pickle.Value] = []
    /// Heights of the stack at the open marks.
    private var marks: [Int] = []
    private var memo: [Pickle.Value] = []
    /// Entries whose index is not the next one.
    private var sparseMemo: [Int: Pickle.Value] = [:]
    private var made = 0
    var objects: [Pickle.Object] = []

    /// A reader of `bytes`; `file` is for messages.
    init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// Reads to the end of the first pickle in the bytes.
    mutating func read() throws(CheckpointError) -> Pickle {
        while try step() {}
        let root = try pop()
        guard stack.isEmpty, marks.isEmpty else { throw malformed("values are left over at its end") }
        return Pickle(root: root, objects: objects)
    }

    // MARK: Opcodes

    /// Does one opcode; false at STOP.
    private mutating func step() throws(CheckpointError) -> Bool {
        let start = position
        let opcode = try byte()
        switch opcode {
        case 0x80:  // PROTO
            let version = try byte()
            guard version <= 5 else { throw unsupported("the pickle's protocol \(version) is newer than 5") }
        case 0x95:  // FRAME
            guard try number(8) <= UInt64(bytes.count - position) else { throw endsEarly() }
        case UInt8(ascii: "."): return false
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: "2"): try push(try top())

        case UInt8(ascii: "N"): try push(.none)
        case 0x88: try push(.bool(true))
        case 0x89: try push(.bool(false))
        case UInt8(ascii: "K"): try push(.int(Int(try byte())))
        case UInt8(ascii: "M"): try push(.int(Int(try number(2))))
        case UInt8(ascii: "J"): try push(.int(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8A: try push(try longInteger(length: Int(try byte())))
        case 0x8B: try push(try longInteger(length: Int(try number(4))))
        case UInt8(ascii: "I"), UInt8(ascii: "L"): try push(try decimalInteger(opcode))
        case UInt8(ascii: "G"): try push(.float(Double(bitPattern: UInt64(try number(8)).byteSwapped)))
        case UInt8(ascii: "F"):
            guard let value = Double(try line()) else { throw malformed("a number is not written as one") }
            try push(.float(value))

        case 0x8C, UInt8(ascii: "U"): try push(.string(try text(length: UInt64(try byte()))))
        case UInt8(ascii: "X"), UInt8(ascii: "T"): try push(.string(try text(length: try number(4))))
        case 0x8D: try push(.string(try text(length: try number(8))))
        case UInt8(ascii: "S"): try push(.string(try quotedText()))
        case UInt8(ascii: "V"): try push(.string(try escapedText()))
        case UInt8(ascii: "C"): try push(.bytes(Array(try take(UInt64(try byte())))))
        case UInt8(ascii: "B"): try push(.bytes(Array(try take(try number(4)))))
        case 0x8E, 0x96: try push(.bytes(Array(try take(try number(8)))))

        case UInt8(ascii: "]"): try push(new: .sequence(.list, []))
        case UInt8(ascii: "l"): try push(new: .sequence(.list, try popToMark()))
        case UInt8(ascii: "a"): try extend([try pop()])
        case UInt8(ascii: "e"), 0x90: try extend(try popToMark())
        case UInt8(ascii: ")"): try push(new: .sequence(.tuple, []))
        case UInt8(ascii: "t"): try push(new: .sequence(.tuple, try popToMark()))
        case 0x85, 0x86, 0x87: try push(new: .sequence(.tuple, try pop(count: Int(opcode) - 0x84)))
        case 0x8F: try push(new: .sequence(.set, []))
        case 0x91: try push(new: .sequence(.set, try popToMark()))
        case UInt8(ascii: "}"): try push(new: .dict([]))
        case UInt8(ascii: "d"): try push(new: .dict(try pairs(try popToMark())))
        case UInt8(ascii: "s"): try insert(try pop(count: 2))
        case UInt8(ascii: "u"): try insert(try popToMark())

        case UInt8(ascii: "p"): try remember(at: try decimalIndex())
        case UInt8(ascii: "q"): try remember(at: Int(try byte()))
        case UInt8(ascii: "r"): try remember(at: Int(try number(4)))
        case 0x94: try remember(at: memo.count)
        case UInt8(ascii: "g"): try push(try recall(try decimalIndex()))
        case UInt8(ascii: "h"): try push(try recall(Int(try byte())))
        case UInt8(ascii: "j"): try push(try recall(Int(try number(4))))

        case UInt8(ascii: "c"): try pushGlobal(module: try line(), name: try line())
        case 0x93:
            let names = try pop(count: 2)
            guard case .string(let module) = names[0], case .string(let name) = names[1] else {
                throw malformed("a reference to code is not named by two texts")
            }
            try pushGlobal(module: module, name: name)
        case UInt8(ascii: "R"):
            let call = try pop(count: 2)
            try push(try result(of: call[0], arguments: call[1]))
        case UInt8(ascii: "b"):
            let state = try pop()
            try setState(of: try top(), to: state)
        case UInt8(ascii: "Q"): try push(try persistent(try pop()))
        default:
            throw unsupported(
                "the pickle needs opcode 0x\(String(opcode, radix: 16)) at byte \(start), which is not read because a "
                    + "pickle can run code")
        }
        return true
    }

    private mutating func pushGlobal(module: String, name: String) throws(CheckpointError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw unsupported("the pickle refers to \(module).\(name), which is not read because a pickle can run code")
        }
        try push(new: .global(global))
    }

    // MARK: Stack and memo

    private mutating func push(_ value: Pickle.Value) throws(CheckpointError) {
        try charge(1)
        stack.append(value)
    }

    /// Counts `count` new values. Whatever copies something as large as its argument must charge for it: the
    /// argument may be a kept value that costs two bytes to name again.
    mutating func charge(_ count: Int) throws(CheckpointError) {
        made += count
        guard made <= Self.maximumValues else { throw tooLarge() }
    }

    private mutating func push(new object: Pickle.Object) throws(CheckpointError) { try push(make(object)) }

    /// A value that refers to a new object.
    mutating func make(_ object: Pickle.Object) -> Pickle.Value {
        objects.append(object)
        return .object(objects.count - 1)
    }

    /// Values below the last mark are out of reach.
    private var floor: Int { marks.last ?? 0 }

    private func top() throws(CheckpointError) -> Pickle.Value {
        guard stack.count > floor, let value = stack.last else { throw malformed("it takes a value that is not there") }
        return value
    }

    private mutating func pop() throws(CheckpointError) -> Pickle.Value {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func pop(count: Int) throws(CheckpointError) -> [Pickle.Value] {
        guard stack.count - floor >= count else { throw malformed("it takes a value that is not there") }
        let values = Array(stack.suffix(count))
        stack.removeLast(count)
        return values
    }

    private mutating func popToMark() throws(CheckpointError) -> [Pickle.Value] {
        guard let mark = marks.popLast() else { throw malformed("it takes values up to a mark that is not there") }
        let values = Array(stack[mark...])
        stack.removeLast(values.count)
        return values
    }

    private mutating func remember(at index: Int) throws(CheckpointError) {
        let value = try top()
        guard memo.count + sparseMemo.count < Self.maximumValues else { throw tooLarge() }
        if index == memo.count {
            memo.append(value)
        } else if index < memo.count {
            memo[index] = value
        } else {
            sparseMemo[index] = value
        }
    }

    private func recall(_ index: Int) throws(CheckpointError) -> Pickle.Value {
        if index < memo.count, sparseMemo.isEmpty { return memo[index] }
        guard let value = sparseMemo[index] ?? (index < memo.count ? memo[index] : nil) else {
            throw malformed("it refers to value \(index), which was not kept")
        }
        return value
    }

    // MARK: Containers

    /// Appends to the list or set on top of the stack.
    private mutating func extend(_ values: [Pickle.Value]) throws(CheckpointError) {
        guard case .object(let index) = try top(), case .sequence(let kind, var items) = objects[index], kind != .tuple
        else { throw malformed("it appends to what is no list") }
        objects[index] = .taken
        items.append(contentsOf: values)
        objects[index] = .sequence(kind, items)
    }

    /// Adds keys and values in turn to the dict on top of the stack.
    private mutating func insert(_ values: [Pickle.Value]) throws(CheckpointError) {
        guard case .object(let index) = try top(), case .dict(var entries) = objects[index] else {
            throw malformed("it adds entries to what is no dict")
        }
        objects[index] = .taken
        entries.append(contentsOf: try pairs(values))
        objects[index] = .dict(entries)
    }

    private func pairs(_ values: [Pickle.Value]) throws(CheckpointError) -> [(key: Pickle.Value, value: Pickle.Value)] {
        guard values.count.isMultiple(of: 2) else { throw malformed("a key has no value") }
        return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
    }

    // MARK: Bytes

    private mutating func take(_ count: UInt64) throws(CheckpointError) -> ArraySlice<UInt8> {
        guard count <= UInt64(bytes.count - position) else { throw endsEarly() }
        defer { position += Int(count) }
        return bytes[position..<position + Int(count)]
    }

    private mutating func byte() throws(CheckpointError) -> UInt8 {
        guard position < bytes.count else { throw endsEarly() }
        defer { position += 1 }
        return bytes[position]
    }

    /// A little-endian number of `count` bytes.
    private mutating func number(_ count: UInt64) throws(CheckpointError) -> UInt64 {
        try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func text(length: UInt64) throws(CheckpointError) -> String {
        guard let text = String(validating: try take(length), as: UTF8.self) else {
            throw malformed("a text is not UTF-8")
        }
        return text
    }

    private mutating func line() throws(CheckpointError) -> String {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else { throw endsEarly() }
        let text = try text(length: UInt64(end - position))
        position = end + 1
        return text
    }

    /// Two's complement, little-endian, any length.
    private mutating func longInteger(length: Int) throws(CheckpointError) -> Pickle.Value {
        let digits = try take(UInt64(length))
        guard digits.count <= 8 else { throw unsupported("the pickle holds an integer of more than 64 bits") }
        guard let last = digits.last else { return .int(0) }
        let start: UInt64 = last >= 0x80 ? .max : 0
        return .int(Int(Int64(bitPattern: digits.reversed().reduce(start) { $0 << 8 | UInt64($1) })))
    }

    private mutating func decimalInteger(_ opcode: UInt8) throws(CheckpointError) -> Pickle.Value {
        var text = try line()
        if opcode == UInt8(ascii: "I"), text == "00" || text == "01" { return .bool(text == "01") }
        if text.hasSuffix("L") { text.removeLast() }
        guard let value = Int(text) else { throw malformed("an integer is not written as one of 64 bits") }
        return .int(value)
    }

    private mutating func decimalIndex() throws(CheckpointError) -> Int {
        guard let index = Int(try line()), index >= 0 else { throw malformed("the number of a kept value is none") }
        return index
    }

    /// Python 2's texts, in quotes.
    private mutating func quotedText() throws(CheckpointError) -> String {
        let text = try line()
        guard text.utf8.count >= 2, let quote = text.first, quote == "'" || quote == "\"", text.last == quote else {
            throw malformed("a text is not in quotes")
        }
        guard !text.utf8.contains(UInt8(ascii: "\\")) else {
            throw unsupported("the pickle holds escaped text of Python 2", advice: "save it with a higher protocol")
        }
        return String(text.dropFirst().dropLast())
    }

    /// Protocol 0's texts: Latin-1, with `\uXXXX` and `\UXXXXXXXX` for the rest.
    private mutating func escapedText() throws(CheckpointError) -> String {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else { throw endsEarly() }
        var rest = bytes[position..<end]
        position = end + 1
        var text = String.UnicodeScalarView()
        while let byte = rest.popFirst() {
            var scalar = Unicode.Scalar(byte)
            let digits = rest.first == UInt8(ascii: "u") ? 4 : rest.first == UInt8(ascii: "U") ? 8 : 0
            if byte == UInt8(ascii: "\\"), digits > 0 {
                let hex = String(decoding: rest.dropFirst().prefix(digits), as: UTF8.self)
                guard hex.utf8.count == digits, let value = UInt32(hex, radix: 16), let escaped = Unicode.Scalar(value)
                else { throw malformed("a text has a damaged escape") }
                rest.removeFirst(1 + digits)
                scalar = escaped
            }
            text.append(scalar)
        }
        return String(text)
    }

    // MARK: Errors

    func malformed(_ detail: String) -> CheckpointError {
        CheckpointError(.malformed, file: file, detail: "the pickle is damaged at byte \(position): \(detail)")
    }

    func unsupported(_ detail: String, advice: String? = nil) -> CheckpointError {
        CheckpointError(
            .unsupported, file: file, detail: detail,
            advice: advice ?? "save it as plain data (a model's weights as safetensors)")
    }

    private func endsEarly() -> CheckpointError { malformed("it ends too early") }

    private func tooLarge() -> CheckpointError {
        CheckpointError(.tooLarge, file: file, detail: "the pickle makes more than \(Self.maximumValues) values")
    }
}
