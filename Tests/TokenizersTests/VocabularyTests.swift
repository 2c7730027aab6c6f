import Foundation
import Numerics
import Testing
import TestSupport
import Tokenizers

private func failure(_ table: String, mapping: String? = nil) throws -> TokenizerError {
    try #require(throws: TokenizerError.self) {
        _ = try Vocabulary(table: Array(table.utf8), mapping: mapping.map { Array($0.utf8) }, file: "v.tsv")
    }
}

private let header = "token\tensembl_id\tsymbol\tnonzero_median\n"

struct VocabularyTests {
    @Test("special tokens come first and decide between V1 and V2")
    func specials() throws {
        let v1 = try TestVocabulary.make()
        #expect(!v1.isV2)
        #expect((v1.pad, v1.mask, v1.cls, v1.eos) == (0, 1, nil, nil))
        #expect(v1.count == 7)
        #expect(v1.geneCount == 5)
        let v2 = try TestVocabulary.make(v2: true)
        #expect(v2.isV2)
        #expect((v2.cls, v2.eos) == (2, 3))
        #expect(v2.isGene(4) && !v2.isGene(3) && !v2.isGene(9))
        #expect(v2.medians[4] == 2 && v2.medians[0].isNaN)
        #expect(v2.name(4) == "TP53")
        #expect(v2.name(7) == "ENSG00000000004")
    }

    @Test("a gene is named by id, version, symbol, case or alias")
    func lookup() throws {
        let vocabulary = try TestVocabulary.make()
        for (text, token) in [
            ("ENSG00000000001", 2), ("ensg00000000001", 2), ("ENSG00000000001.15", 2), ("TP53", 2), ("tp53", 2),
            ("P53", 2), ("c1ORF112", 4), ("ENSG00000099999", 3), ("ENSG00000099999.2", 3), ("ENSA", 6),
        ] {
            #expect(try vocabulary.token(forGene: text) == token, "\(text)")
        }
    }

    @Test("an unknown gene is an error that names the nearest")
    func unknown() throws {
        let vocabulary = try TestVocabulary.make()
        let error = try #require(throws: TokenizerError.self) { try vocabulary.token(forGene: "GTAA4") }
        #expect(error.code == .unknownGene)
        #expect(error.gene == "GTAA4")
        #expect(error.description.contains("did you mean GATA4?"))
        #expect(vocabulary.nearest(to: "tp5") == ["TP53"])
        #expect(vocabulary.nearest(to: "ENSG00000000009").first == "ENSG00000000001")
        #expect(vocabulary.nearest(to: "XYZXYZXYZ").isEmpty)
        // Not a version: only Ensembl ids have one.
        #expect(throws: TokenizerError.self) { try vocabulary.token(forGene: "TP53.1") }
        #expect(throws: TokenizerError.self) { try vocabulary.token(forGene: "ENSG00000000001.x") }
        #expect(throws: TokenizerError.self) { try vocabulary.token(forGene: "<pad>") }
        #expect(throws: TokenizerError.self) { try vocabulary.token(forGene: "") }
    }

    @Test("a symbol of two genes is an error that names both")
    func ambiguous() throws {
        let vocabulary = try Vocabulary(
            genes: [("ENSG1", "Abc", 1), ("ENSG2", "ABC", 1), ("ENSG3", "X", 1), ("ENSG4", "X", 1)], v2: false)
        #expect(try vocabulary.token(forGene: "Abc") == 2)
        #expect(try vocabulary.token(forGene: "ABC") == 3)
        let error = try #require(throws: TokenizerError.self) { try vocabulary.token(forGene: "X") }
        #expect(error.code == .ambiguousGene)
        #expect(error.detail.contains("ENSG3, ENSG4"))
        #expect(throws: TokenizerError.self) { try vocabulary.token(forGene: "aBC") }
    }

    @Test("tables are read back exactly, medians to the last bit")
    func tables() throws {
        var random = SeededRandom(seed: 11)
        let genes = (0..<500).map { gene in
            (
                id: TestVocabulary.id(of: gene), symbol: gene.isMultiple(of: 3) ? "" : "G\(gene)",
                median: Double(bitPattern: random.next() >> 2 | 1)
            )
        }
        #expect(genes.allSatisfy { $0.median > 0 && $0.median.isFinite })
        let aliases = (0..<100).map { (key: "OLD\($0)", id: TestVocabulary.id(of: $0 * 3)) }
        let vocabulary = try Vocabulary(genes: genes, v2: true, aliases: aliases)
        let again = try Vocabulary(
            table: Array(vocabulary.tableText().utf8), mapping: Array(vocabulary.mappingText().utf8))
        #expect(again.entries == vocabulary.entries)
        #expect(again.aliases == vocabulary.aliases)
        #expect(again.aliases.count == 100)
        #expect(again.tableText() == vocabulary.tableText())
    }

    @Test("rows in any order, gaps and CR LF are read")
    func tolerated() throws {
        let text = header + "5\tENSG2\tB\t2\r\n0\t<pad>\t\t\r\n3\tENSG1\tA\t1e-7\r\n\r\n"
        let vocabulary = try Vocabulary(table: Array(text.utf8))
        #expect(vocabulary.count == 6)
        #expect(vocabulary.entries.map(\.token) == [0, 3, 5])
        #expect(vocabulary.entry(1) == nil)
        #expect(!vocabulary.isGene(4))
        #expect(vocabulary.name(4) == "token 4")
        #expect(vocabulary.medians[3] == 1e-7)
        #expect(vocabulary.mask == nil)
    }

    @Test(
        "an error names file and line",
        arguments: [
            ("2\tENSG1\tA\t1\n2\tENSG2\tB\t1\n", 3, "token 2"), ("2\tENSG1\tA\t1\n3\tENSG1\tB\t1\n", 3, "ENSG1"),
            ("2\tENSG1\tA\t0\n", 2, "median"), ("2\tENSG1\tA\tnan\n", 2, "median"), ("2\tENSG1\tA\tinf\n", 2, "median"),
            ("2\tENSG1\tA\t-1\n", 2, "median"), ("2\tENSG1\tA\t\n", 2, "no non-zero median"),
            ("2\tENSG1\tA\tx\n", 2, "x"),
            ("-1\tENSG1\tA\t1\n", 2, "-1"), ("9999999\tENSG1\tA\t1\n", 2, "9999999"), ("2\tENSG1\tA\n", 2, "3 columns"),
            ("2\t\tA\t1\n", 2, "Ensembl id"), ("0\t<pad>\t\t1\n", 2, "<pad>"),
            ("2\tENSG1\tA\t1\n3\tensg1\t\t1\n", 3, "case"),
        ])
    func errors(rows: String, line: Int, part: String) throws {
        let error = try failure(header + rows)
        #expect(error.code == .malformedVocabulary)
        #expect(error.file == "v.tsv")
        #expect(error.line == line)
        #expect(error.description.contains("v.tsv, line \(line)"))
        #expect(error.detail.contains(part))
    }

    @Test("a vocabulary needs its header, a gene, and <eos> beside <cls>")
    func wholes() throws {
        #expect(try failure("").detail.contains("header"))
        #expect(try failure("token\tid\n").line == 1)
        #expect(try failure(header).detail.contains("no gene"))
        #expect(try failure(header + "0\t<cls>\t\t\n1\tENSG1\tA\t1\n").detail.contains("<eos>"))
        let two = header + "0\tENSG1\tA\t1\n1\tENSG2\tB\t1\n"
        #expect(try failure(two, mapping: "key\tensembl_id\nX\tENSG1\nx\tENSG2\n").detail.contains("two genes"))
        #expect(try failure(two, mapping: "key\tid\n").line == 1)
        let bytes = Array(header.utf8) + [0x30, 9, 0xFF, 9, 9, 0x31, 10]
        #expect(throws: TokenizerError.self) { try Vocabulary(table: bytes) }
    }
}

struct VocabularyFilesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ name: String, _ text: String) throws {
        let url = URL(fileURLWithPath: folder.file(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    @Test("the first folder that holds a vocabulary is taken")
    func order() throws {
        try write("parent/vocabulary.tsv", header + "0\tENSG1\tA\t1\n")
        try write("parent/mapping.tsv", "key\tensembl_id\nOLD\tENSG1\n")
        try write("parent/model/config.json", "{}")
        try write("other/vocabulary.tsv", header + "0\tENSG2\tA\t1\n")
        let files = try VocabularyFiles.find(
            in: [folder.file("parent/model"), folder.file("parent"), folder.file("other")])
        #expect(files.folder == folder.file("parent"))
        let vocabulary = try Vocabulary(files: files)
        #expect(vocabulary.entries.map(\.id) == ["ENSG1"])
        #expect(try vocabulary.token(forGene: "old") == 0)
    }

    @Test("pickles of protocol 0 are read: tokens, medians, aliases, symbols")
    func pickles() throws {
        try write("token_dictionary_x.pkl", "(dV<pad>\nI0\nsVENSG1\nI1\nsVENSG2\nI2\ns.")
        try write("gene_median_dictionary_x.pkl", "(dVENSG1\nF1.5\nsVENSG2\nI2\nsVENSG3\nI9\ns.")
        try write("ensembl_mapping_dict_x.pkl", "(dVOLD\nVENSG2\nsVENSG1\nVENSG1\nsVGONE\nVENSG3\ns.")
        try write("gene_name_id_dict_x.pkl", "(dVAbc\nVENSG1\nsVAbcOld\nVENSG1\nsVOld\nVENSG1\ns.")
        let vocabulary = try Vocabulary(files: VocabularyFiles.find(in: [folder.path]))
        #expect(vocabulary.entries.map(\.id) == ["<pad>", "ENSG1", "ENSG2"])
        #expect(vocabulary.entries.map(\.symbol) == ["", "Abc", ""])
        #expect(vocabulary.entries.map(\.median) == [nil, 1.5, 2])
        // The mapping goes before the second symbols of a gene.
        #expect(vocabulary.aliases == ["OLD": 2, "ABCOLD": 1])
    }

    @Test("several pickles of one kind, none, and one alone are errors that say so")
    func unclear() throws {
        func failure(_ folders: [String]) throws -> TokenizerError {
            try #require(throws: TokenizerError.self) { _ = try VocabularyFiles.find(in: folders) }
        }
        let nothing = try failure([folder.path, folder.file("nowhere")])
        #expect(nothing.code == .vocabularyNotFound)
        #expect(nothing.description.contains(folder.path))
        try write("a/token_dictionary_1.pkl", "(d.")
        #expect(try failure([folder.file("a")]).detail.contains("gene_median_dictionary"))
        try write("a/gene_median_dictionary_1.pkl", "(d.")
        try write("a/token_dictionary_2.pkl", "(d.")
        let several = try failure([folder.file("a")])
        #expect(several.code == .ambiguousVocabulary)
        #expect(several.detail.contains("token_dictionary_1.pkl, token_dictionary_2.pkl"))
        // A folder that is named later and is clear goes before it.
        try write("b/vocabulary.tsv", header + "0\tENSG1\tA\t1\n")
        #expect(try VocabularyFiles.find(in: [folder.file("a"), folder.file("b")]).folder == folder.file("b"))
    }

    @Test(
        "a pointer, code and values of the wrong kind are errors that name the file",
        arguments: [
            ("version https://git-lfs.github.com/spec/v1\n", "Git LFS"), ("cos\nsystem\n.", "os.system"),
            ("I3\n.", "dict"), ("(dI1\nI1\ns.", "key"), ("(dVENSG1\nVx\ns.", "ENSG1"), ("(dVENSG1\nI-1\ns.", "-1"),
            ("(dVENSG9\nI1\ns.", "no median"), ("", "ends too early"),
        ])
    func damaged(tokens: String, part: String) throws {
        try write("token_dictionary_x.pkl", tokens)
        try write("gene_median_dictionary_x.pkl", "(dVENSG1\nF1.5\ns.")
        let error = try #require(throws: TokenizerError.self) {
            _ = try Vocabulary(files: VocabularyFiles.find(in: [folder.path]))
        }
        #expect(error.description.contains("_dictionary_x.pkl"))
        #expect(error.description.contains(part))
    }

    @Test(
        "Geneformer's dictionaries: tokens and medians as their tables have them",
        .enabled(if: SharedData.has("data/geneformer/gc104M"), "skipped: ../shared/data/geneformer is not there"),
        arguments: ["gc30M", "gc104M"])
    func geneformer(name: String) throws {
        let path = SharedData.path("data/geneformer/\(name)")
        let vocabulary = try Vocabulary(files: VocabularyFiles.find(in: [path]))
        let text = try String(contentsOfFile: path + "/vocab_\(name).tsv", encoding: .utf8)
        let table = try Vocabulary(table: Array(text.utf8))
        #expect(vocabulary.entries.map(\.id) == table.entries.map(\.id))
        #expect(vocabulary.entries.map(\.token) == table.entries.map(\.token))
        #expect(vocabulary.entries.map(\.median) == table.entries.map(\.median))
        #expect(vocabulary.entries.map(\.symbol) == table.entries.map(\.symbol))
        #expect(vocabulary.isV2 == (name == "gc104M"))
        #expect(vocabulary.count == (name == "gc104M" ? 20_275 : 25_426))
        #expect(try vocabulary.token(forGene: "TP53") == (name == "gc104M" ? 8014 : 8088))
        #expect(try vocabulary.token(forGene: "ttn") == (name == "gc104M" ? 9740 : 9837))
        // 91,753 keys reach a gene, 20,271 of them are the genes' own ids.
        if name == "gc104M" { #expect(vocabulary.aliases.count == 91_753 - 20_271) }
        let again = try Vocabulary(
            table: Array(vocabulary.tableText().utf8), mapping: Array(vocabulary.mappingText().utf8))
        let isSame = again.entries == vocabulary.entries && again.aliases == vocabulary.aliases
        #expect(isSame)
    }
}
