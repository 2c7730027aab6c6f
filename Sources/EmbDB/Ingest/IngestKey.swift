/// Names an ingest by what its result depends on: contents and choices, not paths and threads. The same key again means
/// that there is nothing to do, or that an interrupted ingest goes on.
enum IngestKey {
    /// One key a source, in order. A sample is drawn over all sources together, so that then each depends on all.
    static func keys(
        _ sources: [CellSource], _ origin: EmbeddingOrigin, _ settings: EmbeddingSettings, _ options: IngestOptions
    ) -> [String] {
        let sample =
            options.sample.map { "\($0) by \(options.seed) of " + sources.map(\.sha256).joined(separator: " ") }
            ?? "all"
        return sources.map { source in
            digest(
                ["embdb ingest 1", source.sha256, source.content.place] + embedding(source, origin, settings, options)
                    + [
                        options.cellColumn.map { "column \($0)" } ?? "index", options.idPrefix, options.filter ?? "",
                        sample,
                    ])
        }
    }

    /// What the embeddings depend on beside the matrix.
    private static func embedding(
        _ source: CellSource, _ origin: EmbeddingOrigin, _ settings: EmbeddingSettings, _ options: IngestOptions
    ) -> [String] {
        switch (origin, source.content) {
        case (.model(let model), .counts(let counts)):
            [
                counts.geneColumn, model.sha256, settings.layer?.rawValue ?? "", settings.pooling?.rawValue ?? "",
                options.values.rawValue,
            ] + (options.precision == .f32 ? [] : [options.precision.rawValue])
        default:
            ["imported"]
        }
    }

    /// The key of an ingest of several sources.
    static func combined(_ keys: [String]) -> String { digest(keys) }

    private static func digest(_ texts: [String]) -> String {
        var hash = SHA256()
        for text in texts { hash.update(text) }
        return hash.finish()
    }
}
