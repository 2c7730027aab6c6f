import EmbDB
import Foundation
import LMDBStore

/// A damaged database file. The input is a list of patches to a small sound database (see `apply`), since a whole file
/// of pages and checksums is too long to be mutated with any hope.
///
/// LMDB believes what it maps, so a damaged B-tree may kill the process inside of it; `verify` therefore walks the pages
/// first by reading the file. The target does as users are told to: it verifies, and asks only a database that is
/// whole, which then has to answer.
enum DatabaseTarget: FuzzTarget {
    static func run(_ bytes: [UInt8]) {
        let path = Scratch.write(apply(bytes, to: sound), "damaged.embdb")
        defer { try? FileManager.default.removeItem(atPath: path + "-lock") }
        refusing {
            let report = try Database.verify(path)
            guard report.fault == nil else { return }
            let database = try Database.open(path)
            let info = try database.info()
            require(info.summary.cells == report.cells, "info counts other cells than verify")
            guard report.cells > 0, let dimension = info.summary.dimension else { return }
            var options = NearestOptions()
            options.threads = 1
            let vector = [Float](repeating: 0.5, count: dimension)
            let answer = try database.nearest(.vectors([vector]), options: options)
            require(!answer.queries.isEmpty, "no answer")
        }
    }

    static func seeds(_ files: [String]) throws -> [[UInt8]] {
        // The fields of the two meta pages, and a byte in each of some pages.
        [[]]
            + [16, 24, 40, 46, 48, 56, 64, 72, 80, 88, 128, 136, 144].flatMap { field in
                [0, 1].map { page in [UInt8(page), 0, UInt8(field), 0, 1] }
            } + (2..<60).map { page in [UInt8(page), 0, 12, 0, 1, UInt8(page), 0, 16, 0, 1] }
    }

    /// Patches of 5 bytes: page (u16), offset in the page (u16), value that is added to the byte there. An offset of
    /// 0x8000 and more cuts the file off at that page.
    private static func apply(_ patches: [UInt8], to file: [UInt8]) -> [UInt8] {
        var file = file
        let pages = max(1, file.count / 4096)
        var position = 0
        while position + 5 <= patches.count {
            let page = (Int(patches[position]) | Int(patches[position + 1]) << 8) % pages
            let offset = Int(patches[position + 2]) | Int(patches[position + 3]) << 8
            let place = page * 4096 + offset % 4096
            if offset >= 0x8000 {
                file.removeLast(max(0, file.count - page * 4096))
            } else if place < file.count {
                file[place] &+= patches[position + 4]
            }
            position += 5
        }
        return file
    }

    /// A database of a few cells and a tiny model; `EMBDB_FUZZ_H5AD` names the file of cells.
    private static let sound: [UInt8] = {
        do {
            let model = Scratch.path("model")
            try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
            try Data(config.utf8).write(to: URL(fileURLWithPath: model + "/config.json"))
            try Data(vocabulary.utf8).write(to: URL(fileURLWithPath: model + "/vocabulary.tsv"))
            let path = Scratch.path("sound.embdb")
            do {
                let database = try Database.open(path, access: .create)
                var options = IngestOptions()
                options.model = model
                options.threads = 1
                let cells = ProcessInfo.processInfo.environment["EMBDB_FUZZ_H5AD"] ?? ""
                _ = try database.ingest([cells], options: options)
            }
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            fatalError("the sound database cannot be made: \(error)")
        }
    }()

    private static let config = """
        {"model_type": "bert", "vocab_size": 62, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
        "intermediate_size": 8, "hidden_act": "relu", "max_position_embeddings": 24, "type_vocab_size": 1,
        "layer_norm_eps": 1e-12, "pad_token_id": 0, "embdb_seed": 7}
        """

    private static let vocabulary: String = {
        var text = "token\tensembl_id\tsymbol\tnonzero_median\n0\t<pad>\t\t\n1\t<mask>\t\t\n"
        for gene in 1...60 {
            let id = "ENSG" + String(repeating: "0", count: 11 - String(gene).count) + String(gene)
            text += "\(gene + 1)\t\(id)\tGENE\(gene)\t\(1 + Double(gene % 7) / 4)\n"
        }
        return text
    }()
}
