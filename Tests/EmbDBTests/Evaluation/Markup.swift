import Testing

/// The elements of an SVG file, read by a small parser that knows only what figures are written with.
struct Markup {
    struct Element {
        let name: String
        let attributes: [String: String]
        /// The text between its tags, with entities replaced, without that of elements within it.
        var text = ""
        /// The names of the elements around it.
        let parents: [String]

        func number(_ name: String) -> Double? { attributes[name].flatMap(Double.init) }
    }

    private(set) var elements: [Element] = []

    /// Fails where tags do not balance, an attribute is not quoted, or a character is not allowed where it is.
    init(_ document: String) throws {
        var rest = Substring(document)
        var open: [Int] = []
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        try #require(rest.hasPrefix(declaration))
        rest = rest.dropFirst(declaration.count)
        while let start = rest.firstIndex(of: "<") {
            let text = try Self.unescaped(rest[..<start])
            if let last = open.last { elements[last].text += text } else { try #require(text.isEmpty || text == "\n") }
            let end = try #require(rest.firstIndex(of: ">"))
            var tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                let last = try #require(open.last, "nothing is open at \(tag)")
                open.removeLast()
                try #require(elements[last].name == tag.dropFirst())
                continue
            }
            let isEmpty = tag.hasSuffix("/")
            if isEmpty { tag = tag.dropLast() }
            let name = String(tag.prefix { $0 != " " })
            try #require(!name.isEmpty && name.allSatisfy { $0.isLetter })
            var attributes: [String: String] = [:]
            tag = tag.dropFirst(name.count)
            while !tag.isEmpty {
                let match = try #require(tag.prefixMatch(of: /\ ([a-zA-Z-]+)="([^"<]*)"/), "\(tag)")
                try #require(attributes[String(match.1)] == nil, "twice: \(match.1)")
                attributes[String(match.1)] = try Self.unescaped(match.2)
                tag = tag[match.range.upperBound...]
            }
            elements.append(Element(name: name, attributes: attributes, parents: open.map { elements[$0].name }))
            if !isEmpty { open.append(elements.count - 1) }
        }
        try #require(open.isEmpty && rest == "\n")
        try #require(elements.first?.name == "svg" && elements.count { $0.parents.isEmpty } == 1)
    }

    /// All elements of the name.
    func all(_ name: String) -> [Element] { elements.filter { $0.name == name } }

    /// The text of all `text` elements.
    var texts: [String] { all("text").map(\.text) }

    private static func unescaped(_ text: Substring) throws -> String {
        try #require(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" && $0 != "\t" })
        let parts = text.split(separator: "&", omittingEmptySubsequences: false)
        return try parts.dropFirst().reduce(String(parts[0])) { result, part in
            let end = try #require(part.firstIndex(of: ";"), "a bare & before \(part)")
            let known = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "#39": "'"]
            return result + (try #require(known[String(part[..<end])])) + part[part.index(after: end)...]
        }
    }
}
