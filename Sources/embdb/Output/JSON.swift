internal import Foundation

/// A JSON value whose keys keep their order and whose missing values are written as null, as people script against.
enum JSON {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    init(_ value: String?) { self = value.map(JSON.string) ?? .null }
    init(_ value: Int?) { self = value.map(JSON.integer) ?? .null }
    init(_ value: Double?) { self = value.map(JSON.number) ?? .null }
    init(_ value: Float?) { self = value.map { JSON.number(embdb.shortest($0)) } ?? .null }
    init(_ value: Bool?) { self = value.map(JSON.bool) ?? .null }

    /// The text, indented by two spaces, arrays and objects of plain values on one line.
    var text: String {
        var result = ""
        write(to: &result, indent: 0)
        return result
    }

    private var isPlain: Bool {
        switch self {
        case .array(let items): items.isEmpty
        case .object(let items): items.isEmpty
        default: true
        }
    }

    private func write(to text: inout String, indent: Int) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        // JSON knows neither NaN nor infinity.
        case .number(let value): text += value.isFinite ? Self.decimal(value) : "null"
        case .string(let value): text += Self.quoted(value)
        case .array(let items):
            Self.write(items.map { (nil, $0) }, "[", "]", to: &text, indent: indent)
        case .object(let items):
            Self.write(items.map { ($0.0, $0.1) }, "{", "}", to: &text, indent: indent)
        }
    }

    private static func write(
        _ items: [(String?, JSON)], _ open: String, _ close: String, to text: inout String, indent: Int
    ) {
        let onOneLine = items.allSatisfy { $0.1.isPlain }
        let separator = onOneLine ? " " : "\n" + String(repeating: " ", count: indent + 2)
        text += open
        for (index, (key, value)) in items.enumerated() {
            if index > 0 { text += "," }
            if index > 0 || !onOneLine { text += separator }
            if let key { text += quoted(key) + ": " }
            value.write(to: &text, indent: indent + 2)
        }
        if !onOneLine { text += "\n" + String(repeating: " ", count: indent) }
        text += close
    }

    private static func decimal(_ value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
