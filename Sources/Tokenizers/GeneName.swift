// How the name of a gene is compared.

extension String {
    /// The name in upper case; names of genes are compared in this form.
    var geneKey: String {
        var needsWork = false
        for byte in utf8 where (byte >= 0x61 && byte <= 0x7A) || byte >= 0x80 {
            needsWork = true
            break
        }
        return needsWork ? uppercased() : self
    }

    /// Whether this upper-case name is built as Ensembl's ids are: `ENS`, letters, at least six digits, perhaps a
    /// version. (`ENSA` is a symbol.)
    var looksLikeEnsemblID: Bool {
        let stem = withoutVersion ?? self
        return stem.hasPrefix("ENS") && stem.utf8.suffix(6).count == 6
            && stem.utf8.suffix(6).allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// Whether a line of a table could not hold it.
    var hasControlCharacter: Bool { utf8.contains { $0 < 0x20 } }

    /// The id without its version (`ENSG00000139618.15` → `ENSG00000139618`); nil if it has none. Only Ensembl ids
    /// have versions: the `.1` of the symbol `AC012345.1` belongs to the name.
    var withoutVersion: String? {
        guard let dot = utf8.lastIndex(of: UInt8(ascii: ".")), utf8.count > 4 else { return nil }
        let digits = utf8[utf8.index(after: dot)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        let stem = self[..<dot]
        return stem.prefix(3).uppercased() == "ENS" ? String(stem) : nil
    }
}

/// `n` with a comma every three digits.
func grouped(_ n: Int) -> String {
    var text = String(n.magnitude)
    var end = text.count
    while end > 3 {
        end -= 3
        text.insert(",", at: text.index(text.startIndex, offsetBy: end))
    }
    return n < 0 ? "-" + text : text
}
