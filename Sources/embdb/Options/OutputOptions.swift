internal import ArgumentParser
internal import EmbDB
internal import Foundation

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, tsv
}

/// What every verb takes.
struct OutputOptions: ParsableArguments {
    @Option(help: "How the answer is printed: table, json or tsv.")
    var format = OutputFormat.table

    @Flag(help: "No progress, no warnings, no summary.")
    var quiet = false

    @Option(help: "Threads (default: all cores).")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads \(threads): give a whole number from 1") }
    }

    var threadCount: Int { threads ?? Database.availableThreads }

    /// Runs `body` with a control that draws progress, prints warnings and stops at Ctrl-C.
    ///
    /// - Parameter waitsForSteps: see `Interrupt.install(waits:)`.
    func withControl<R>(waitsForSteps: Bool = false, _ body: (Control) throws -> R) throws -> R {
        let bar = ProgressBar(quiet: quiet)
        let quiet = quiet
        Interrupt.install(waits: waitsForSteps)
        let control = Control(
            progress: { bar.update($0) },
            warning: { text in
                bar.clear()
                if !quiet { Console.note("warning: \(text)") }
            },
            isCancelled: { Interrupt.wasRequested })
        defer {
            bar.finish()
            Interrupt.stopWaiting()
        }
        return try body(control)
    }

    /// A sentence for people, on stderr.
    func summary(_ text: String) {
        if !quiet { Console.note(text) }
    }

    /// Says so where an answer rests on a model that nobody trained.
    func noteUntrained(_ model: ModelSummary?) {
        if let model, model.isUntrained {
            summary("the model \(model.name) is untrained (its weights are random): the numbers show no biology")
        }
    }

    /// The answer, on stdout.
    func print(json: @autoclosure () -> JSON, table: @autoclosure () -> TextTable) {
        switch format {
        case .json: Console.answer(json().text)
        case .tsv: Console.answer(table().tsv)
        case .table:
            let text = table().text(terminal: Terminal.columns(of: STDOUT_FILENO))
            Console.answer(text.lines)
            if !text.leftOut.isEmpty {
                summary("no room for \(text.leftOut.joined(separator: ", ")): widen the terminal, or give --format tsv")
            }
        }
    }
}
