internal import LMDBStore
internal import Numerics
internal import Tokenizers

extension Database {
    /// Writes the gene embeddings of all cells or of a group to `path` (.npy, float32 [genes, dimension], by token) and
    /// the Ensembl ids, one a line, to `path` + ".ids.txt".
    ///
    /// - Returns: the number of genes.
    /// - Throws: as ``nearestGenes(to:options:control:)``, `storage`.
    public func exportGeneEmbeddings(
        to path: String, options: GeneOptions = GeneOptions(), control: Control = Control()
    ) throws(EmbDBError) -> Int {
        try withEmbDBErrors {
            // Tried first: computing may take long.
            var file = try OutputFile(path)
            var ids = try OutputFile(path + ".ids.txt")
            let (means, vocabulary, _) = try geneMeans(options, control: control) { _ in }
            let rows = means.tokens.indices.filter { means.cells[$0] >= options.minimumCells }
            try file.write(NPYFile.header(descriptor: "<f4", shape: [rows.count, means.vectors.columns]))
            for row in rows {
                try means.vectors[row: row].withUnsafeBytes { try file.write($0) }
                try ids.write("\(vocabulary.entry(means.tokens[row])?.id ?? "")\n")
            }
            try ids.finish()
            try file.finish()
            return rows.count
        }
    }

    /// Writes the genes that have embeddings to `path`: tab separated, a header, the columns `gene`, `gene_id` and
    /// `cells`, a row a gene in the order of ``exportGeneEmbeddings(to:options:control:)``.
    ///
    /// - Returns: the number of genes.
    /// - Throws: as ``exportGeneEmbeddings(to:options:control:)``.
    public func exportGeneTable(
        to path: String, options: GeneOptions = GeneOptions(), control: Control = Control()
    ) throws(EmbDBError) -> Int {
        try withEmbDBErrors {
            var file = try OutputFile(path)
            let (means, vocabulary, _) = try geneMeans(options, control: control) { _ in }
            let rows = means.tokens.indices.filter { means.cells[$0] >= options.minimumCells }
            try file.write("gene\tgene_id\tcells\n")
            for row in rows {
                let token = means.tokens[row]
                try file.write(
                    "\(vocabulary.name(token))\t\(vocabulary.entry(token)?.id ?? "")\t\(means.cells[row])\n")
            }
            try file.finish()
            return rows.count
        }
    }
}
