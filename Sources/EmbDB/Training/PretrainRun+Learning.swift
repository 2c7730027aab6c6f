internal import CellTransformer
internal import Dispatch
internal import Foundation

extension PretrainRun {
    /// Held-out cells that are looked at while learning, and at the end.
    private static let heldOutAtOnce = 300
    private static let heldOutAtEnd = 5000
    /// How often they are looked at.
    private static let evaluations = 10

    /// All steps that are left, with the log and the checkpoints.
    func learn(
        _ made: Pretraining<CorpusCells>, _ session: inout Session, _ report: inout PretrainReport
    ) throws {
        var pretraining = made
        let (steps, first) = (made.training.options.rate.steps, made.training.step)
        var (cells, seconds) = (0, 0.0)
        // Before the first step, too: from then on the folder is known as this training's, whenever it is stopped.
        if first == 0 { try save(pretraining, session) }
        var saved = DispatchTime.now()
        while true {
            let step = pretraining.training.step
            if session.hasSteps, step % TrainingLog.stepsOfRow == 0 || step == steps {
                try writeRow(pretraining, &session, &report)
            }
            if step == steps { break }
            if control.isCancelled() {
                try save(pretraining, session)
                throw stopped(step, of: steps)
            }
            if Self.seconds(since: saved) > options.minutesBetweenCheckpoints * 60 {
                try save(pretraining, session)
                saved = DispatchTime.now()
            }
            let start = DispatchTime.now()
            let done = try pretraining.step()
            cells += done.cells
            seconds += Self.seconds(since: start)
            session.add(done.update)
            control.progress(
                .init(
                    unit: "cells", phase: "training", done: (step + 1) * options.batch, total: steps * options.batch,
                    note: String(format: "loss %.3f", session.meanLoss ?? done.update.loss)))
        }
        report.steps = steps
        report.epochs = pretraining.epochs
        if steps > first { report.cellsPerSecond = Double(cells) / seconds }
    }

    private static func seconds(since start: DispatchTime) -> Double {
        Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) * 1e-9
    }

    private func save(_ pretraining: Pretraining<CorpusCells>, _ session: Session) throws(EmbDBError) {
        try folder.write(pretraining.training, words: session.words(key))
    }

    private func stopped(_ step: Int, of steps: Int) -> EmbDBError {
        EmbDBError(
            .cancelled,
            "stopped after \(step) of \(steps) steps (\(folder.path)): run the same command with --resume to go on")
    }

    /// A row of the log, with a look at held-out cells where it is time for one.
    private func writeRow(
        _ pretraining: Pretraining<CorpusCells>, _ session: inout Session, _ report: inout PretrainReport
    ) throws {
        let (step, steps) = (pretraining.training.step, pretraining.training.options.rate.steps)
        // The last look may take long.
        if step == steps { try save(pretraining, session) }
        let rows = TrainingLog.stepsOfRow
        let between = max(rows, (steps / Self.evaluations + rows - 1) / rows * rows)
        var evaluation: Pretraining<CorpusCells>.Evaluation?
        if step % between == 0 || step == steps, pretraining.heldOut.count > 0 {
            do {
                evaluation = try evaluate(pretraining, isLast: step == steps)
            } catch is Stopped {
                // Without the row: who goes on begins with it.
                try save(pretraining, session)
                throw stopped(step, of: steps)
            }
        }
        report.loss = try session.writeRow(pretraining, evaluation)
        if let evaluation {
            report.heldOutLoss = evaluation.loss
            report.heldOutAccuracy = evaluation.accuracy
        }
    }

    /// Somebody does not want to wait for a look at held-out cells.
    private struct Stopped: Error {}

    private func evaluate(
        _ pretraining: Pretraining<CorpusCells>, isLast: Bool
    ) throws -> Pretraining<CorpusCells>.Evaluation {
        try pretraining.evaluate(atMost: isLast ? Self.heldOutAtEnd : Self.heldOutAtOnce) { done, total in
            if control.isCancelled() { throw Stopped() }
            if isLast {
                control.progress(.init(unit: "cells", phase: "looking at held-out cells", done: done, total: total))
            }
        }
    }
}
