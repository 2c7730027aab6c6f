/// The names in a group of a file that is being written: which are there, which may be replaced, in what order.
struct LinkNames {
    /// The names as they are stored: those that were there, then the new ones.
    private(set) var order: [String]
    private var taken: Set<String>
    private var replaceable: [String]
    /// Names as they were asked for, in UTF-8: Swift takes composed and decomposed characters for equal, HDF5 does not.
    private var added: Set<[UInt8]> = []

    init(taken: Set<String>, replaceable: [String]) {
        order = replaceable
        self.taken = taken.union(replaceable)
        self.replaceable = replaceable
    }

    /// The name under which `name` is stored, and whether something of that name has to be removed first.
    mutating func store(
        _ name: String, file: String, group: String
    ) throws(AnnDataError) -> (stored: String, isReplaced: Bool) {
        guard !name.isEmpty, name != ".", !name.utf8.contains(0) else {
            throw AnnDataError(
                .unsupportedEncoding, file: file, path: group, "HDF5 has no place for the name \"\(name)\"",
                advice: "give it another name")
        }
        guard added.insert(Array(name.utf8)).inserted else {
            throw AnnDataError(
                .inconsistent, file: file, path: group, "two of the name \(name) for \(group)",
                advice: "give one of them another name")
        }
        if !name.utf8.contains(UInt8(ascii: "/")),
            let index = replaceable.firstIndex(where: { $0.utf8.elementsEqual(name.utf8) })
        {
            replaceable.remove(at: index)
            return (name, true)
        }
        var stored = name.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "_")
        while taken.contains(stored) { stored += "_" }
        taken.insert(stored)
        order.append(stored)
        return (stored, false)
    }
}
