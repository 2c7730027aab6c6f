internal import Foundation

/// Models that are made from users' own cells.
public enum Training {
    /// Pretrains a model by masked-gene learning (Theodoris et al., Nature 2023) and writes it to `folder`, as a folder that
    /// an ingest takes and Hugging Face's transformers reads.
    ///
    /// Vocabulary and non-zero medians come from the cells, but for a model that is gone on from. `training.tsv` in the folder
    /// has the losses, `held_out.tsv` the cells that were held out. A training that was stopped, by whatever, goes on with
    /// ``PretrainOptions/resume`` and leaves the same bytes as one that was not.
    ///
    /// - Throws: ``EmbDBError`` `usage`, `input`, `model`, `storage`, `locked`, `cancelled`; of what was learned before a
    ///   failure the last checkpoint stays.
    /// - Complexity: a step of b cells of T tokens costs about three forward passes of b cells through the model, and
    ///   6 × 0.15 b T × genes × hidden operations for the masked-gene head.
    public static func pretrain(
        _ files: [String], into folder: String, options: PretrainOptions = PretrainOptions(),
        control: Control = Control()
    ) throws(EmbDBError) -> PretrainReport {
        try withEmbDBErrors {
            var run = try PretrainRun(files, into: folder, options: options, control: control)
            return try run.perform()
        }
    }

    /// Fine-tunes a model to tell cells, or genes, apart, tests it on such as it has not learned from, and writes it to
    /// `folder`, as a folder that an ingest takes and Hugging Face's transformers reads, with what the test showed: tables and
    /// figures.
    ///
    /// Of what is not tested, a part is held out to say when to stop. With ``FinetuneOptions/folds`` above 1, each part is
    /// tested once by a model that learned from the others, and the model that is written learned from all.
    ///
    /// - Parameters:
    ///   - files: of counts, as an ingest takes them.
    ///   - model: a model folder, or "default".
    ///   - folder: is made; with a model in it already it is refused.
    ///   - options: what is told apart, and how it is learned.
    ///   - control: told of every step and asked whether to stop.
    /// - Throws: ``EmbDBError`` `usage`, `input`, `model`, `nothingFound`, `storage`, `locked`, `cancelled`; nothing is left
    ///   of a training that failed.
    public static func finetune(
        _ files: [String], from model: String, into folder: String, options: FinetuneOptions,
        control: Control = Control()
    ) throws(EmbDBError) -> FinetuneReport {
        try withEmbDBErrors {
            try FinetuneRun(files, from: model, into: folder, options: options, control: control).perform()
        }
    }

    /// How well a classifier tells labelled cells, or genes, apart; with tables and figures in `folder`, which is made if it is
    /// not there. It is for the caller to see to it that the model has not learned from them.
    ///
    /// - Parameters:
    ///   - files: of counts, as an ingest takes them.
    ///   - model: the folder of a classifier.
    ///   - options: where the true classes are.
    ///   - folder: where tables and figures go; nil: nowhere.
    ///   - control: told of every cell and asked whether to stop.
    /// - Throws: ``EmbDBError`` `usage`, `input`, `model`, `nothingFound`, `storage`, `cancelled`.
    public static func evaluate(
        _ files: [String], of model: String, options: EvaluateOptions, writingTo folder: String? = nil,
        control: Control = Control()
    ) throws(EmbDBError) -> EvaluationReport {
        try withEmbDBErrors {
            let run = try EvaluateRun(files, of: model, options: options, control: control)
            guard let folder else { return try run.perform { _, _ in } }
            guard !OutputFile.isSamePlace(folder, model) else {
                throw EmbDBError(
                    .usage,
                    "--out \(folder): in the model's folder lies what its own test showed: name another for this one")
            }
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            } catch {
                throw EmbDBError(
                    .storage,
                    "the folder cannot be made (\(folder)): check the place and its permissions, or name another")
            }
            return try run.perform { name, text in
                var file = try OutputFile(folder + "/" + name)
                try file.write(text)
                try file.finish()
            }
        }
    }
}
