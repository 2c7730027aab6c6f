/// Why no gene of a file is known, said in a sentence.
enum GeneDiagnosis {
    /// The prefix of Ensembl's gene ids by species (https://www.ensembl.org/info/genome/stable_ids/prefixes.html).
    static let species: [(prefix: String, name: String)] = [
        ("ENSG0", "human"), ("ENSGR", "human"), ("ENSMUSG", "mouse"), ("ENSRNOG", "rat"), ("ENSDARG", "zebrafish"),
        ("ENSMMUG", "rhesus macaque"), ("ENSMFAG", "crab-eating macaque"), ("ENSPTRG", "chimpanzee"),
        ("ENSCJAG", "marmoset"), ("ENSMICG", "mouse lemur"), ("ENSSSCG", "pig"), ("ENSBTAG", "cow"),
        ("ENSOARG", "sheep"), ("ENSECAG", "horse"), ("ENSCAFG", "dog"), ("ENSFCAG", "cat"), ("ENSOCUG", "rabbit"),
        ("ENSCPOG", "guinea pig"), ("ENSMAUG", "golden hamster"), ("ENSGALG", "chicken"), ("ENSXETG", "frog"),
        ("FBGN", "fruit fly"), ("WBGENE", "nematode"),
    ]

    /// The likely reason why `unknown` names (all that a file has, beside `unnamed` empty ones) are not in the vocabulary.
    static func reason(unknown: [String], unnamed: Int, vocabulary: Vocabulary) -> String {
        guard !unknown.isEmpty else {
            return unnamed > 0
                ? "the chosen column is empty; choose another one by --gene-column" : "the file has no genes"
        }
        let sample = unknown.prefix(1000)
        func mostly(_ test: (String) -> Bool) -> Bool { sample.count { test($0) } * 2 > sample.count }
        let model = speciesOfModel(vocabulary)
        for (prefix, name) in species where mostly({ $0.geneKey.hasPrefix(prefix) }) {
            let shown = prefix.hasSuffix("0") ? String(prefix.dropLast()) : prefix
            guard name != model else {
                return "\(shown)… is \(name), as the model is, but the model has none of these genes"
            }
            return "\(shown)… is \(name), the model is \(model): map the genes to their \(model) orthologs first"
        }
        if mostly({ isEnsembl($0, kind: "T") }) {
            return "they are Ensembl transcripts (\(sample[0])), the model knows genes: sum the transcripts by gene"
        }
        if mostly({ isEnsembl($0, kind: "P") }) {
            return "they are Ensembl proteins (\(sample[0])), the model knows genes"
        }
        if mostly({ Int($0) != nil }) {
            let isRange = sample.enumerated().allSatisfy { Int($1) == $0 }
            return isRange
                ? "they are row numbers; choose the column that holds Ensembl ids or symbols by --gene-column"
                : "they are numbers such as \(sample[0]), probably Entrez ids: give Ensembl ids or symbols by "
                    + "--gene-column"
        }
        if model != "mouse", mostly(isTitleCase) {
            return "\(examples(sample)) look like mouse or rat symbols, the model is \(model): map the genes to "
                + "their \(model) orthologs first"
        }
        return "\(examples(sample)) are neither Ensembl ids nor symbols of the model; choose another column by "
            + "--gene-column"
    }

    /// The species whose prefix most of the vocabulary's ids have.
    static func speciesOfModel(_ vocabulary: Vocabulary) -> String {
        let ids = vocabulary.entries.lazy.filter { $0.median != nil }.prefix(1000)
        for (prefix, name) in species where ids.count(where: { $0.id.geneKey.hasPrefix(prefix) }) * 2 > ids.count {
            return name
        }
        return "of another kind"
    }

    private static func examples(_ names: ArraySlice<String>) -> String {
        names.prefix(3).joined(separator: ", ")
    }

    /// `ENST00000380152`, `ENSMUST…`: the letter before the digits tells what is named.
    private static func isEnsembl(_ name: String, kind: String) -> Bool {
        let key = name.geneKey
        guard key.looksLikeEnsemblID, let digit = key.firstIndex(where: \.isNumber) else { return false }
        return key[..<digit].hasSuffix(kind)
    }

    /// `Actb`, `Gm1992`, but not `C1orf112`.
    private static func isTitleCase(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard bytes.count >= 2, bytes[0] >= 0x41, bytes[0] <= 0x5A else { return false }
        let letters = bytes.dropFirst().filter { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A }
        return !letters.isEmpty && letters.allSatisfy { $0 >= 0x61 }
    }
}
