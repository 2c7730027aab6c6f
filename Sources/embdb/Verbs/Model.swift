internal import ArgumentParser
internal import EmbDB

struct Model: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Model folders: read, pretrain, fine-tune, evaluate.",
        discussion: "Example: embdb model info Geneformer-V1-10M",
        subcommands: [ModelInfo.self, Pretrain.self, Finetune.self, Evaluate.self])
}

struct ModelInfo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "What a model folder holds, and whether an ingest can use it.",
        discussion: "Example: embdb model info Geneformer-V1-10M --dictionaries DICTIONARIES")

    @Argument(help: "A model folder, or 'default' for the model inside embdb.", completion: .directory)
    var folder: String
    @Option(help: "Folder of the dictionaries, if not in the model's folder or beside it.", completion: .directory)
    var dictionaries: String?
    @OptionGroup var output: OutputOptions

    func run() throws {
        let model = try output.withControl { control in
            try ModelDescription.read(folder, dictionaries: dictionaries, control: control)
        }
        output.print(json: json(model), table: table(model))
        output.summary("an ingest can use it: \(model.summary.text)")
    }

    private func json(_ model: ModelDescription) -> JSON {
        guard case .object(let summary) = model.summary.json else { return .null }
        return .object(
            summary.filter { $0.0 != "parameters" } + [
                ("parameters", .integer(model.parameters)), ("feed_forward_size", .integer(model.feedForwardSize)),
                ("activation", .string(model.activation)), ("genes", .integer(model.genes)),
                ("head", JSON(model.head)), ("labels", .array(model.labels.map(JSON.string))),
                ("files", .array(model.files.map(JSON.string))), ("tensors", .integer(model.tensors)),
                ("unused_tensors", .array(model.unusedTensors.map(JSON.string))),
            ])
    }

    private func table(_ model: ModelDescription) -> TextTable {
        var table = TextTable.facts()
        table.add("name", model.summary.name)
        table.add("kind", model.summary.kind)
        table.add("head", model.head ?? "none: the encoder alone")
        for (number, label) in model.labels.enumerated() { table.add("label \(number)", label) }
        table.add(
            "weights",
            model.summary.isUntrained
                ? "random numbers from a seed: untrained"
                : model.files.isEmpty ? "inside the program" : "from the folder")
        table.add("layers", .integer(model.summary.layers))
        table.add("hidden size", .integer(model.summary.hiddenSize))
        table.add("attention heads", .integer(model.summary.heads))
        table.add("feed-forward size", .integer(model.feedForwardSize))
        table.add("activation", model.activation)
        table.add("tokens read of a cell, at most", .integer(model.summary.maximumLength))
        table.add("vocabulary", .integer(model.summary.vocabularySize))
        table.add("genes", .integer(model.genes))
        table.add("parameters", .integer(model.parameters))
        table.add("tensors", .integer(model.tensors))
        for name in model.unusedTensors { table.add("tensor without use", name) }
        for file in model.files { table.add("file", file) }
        table.add("sha256", model.summary.sha256)
        return table
    }
}
