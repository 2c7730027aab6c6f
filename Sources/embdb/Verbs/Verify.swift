internal import ArgumentParser
internal import EmbDB

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Whether a database is whole: 0 whole, 1 damaged, 2 no cells.",
        discussion: "Example: embdb verify heart.embdb")

    @Argument(help: "The database file.", completion: .database) var database: String
    @OptionGroup var output: OutputOptions

    func run() throws {
        if !GuardedRun.isChild, let end = GuardedRun.run() {
            switch end {
            case .exited(0): return
            case .exited(let code): throw ExitCode(code)
            case .killed(let signal) where GuardedRun.faults.contains(signal):
                return try show(
                    VerifyReport(
                        checked: [], fault: "reading it leads to memory that is not there (\(database))", cells: 0))
            case .killed(let signal): throw ExitCode(128 + signal)
            }
        }
        try show(output.withControl { try Database.verify(database, control: $0) })
    }

    private func show(_ report: VerifyReport) throws {
        var table = TextTable([.text("checked"), .number("count")])
        for (what, count) in report.checked { table.add([.text(what), .integer(count)]) }
        output.print(
            json: .object([
                ("whole", .bool(report.fault == nil)),
                ("checked", .object(report.checked.map { ($0.what.replacing(" ", with: "_"), .integer($0.count)) })),
                ("fault", JSON(report.fault)),
            ]),
            table: table)
        if let fault = report.fault {
            Console.note("embdb: damaged: \(fault)")
            throw ExitCode(1)
        }
        if report.cells == 0 {
            let pending = try? Database.open(database).info().pendingIngest
            throw NothingFound(
                message: "whole, but no cells are in it (\(database)): "
                    + (pending.map { "run the unfinished ingest of \($0.sources.joined(separator: ", ")) again" }
                        ?? "ingest some"))
        }
        output.summary("whole: \(counted(report.cells, "cell"))")
    }
}
