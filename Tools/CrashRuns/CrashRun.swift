import Foundation

/// One database under random operations whose processes are killed: after each kill and after each operation all that
/// was confirmed has to be there, and nothing else.
///
/// What an operation has to lead to is known twice: from a dictionary of cells, and from the same operation on a copy of
/// the file, undisturbed, whose exports have to be equal byte by byte in the end.
struct CrashRun {
    let seed: UInt64
    let sources: Sources
    let program: Program
    private(set) var tally = Tally()
    private(set) var history: [String] = []
    private var random: Random
    private var choice: Choice
    private let database: String
    /// Whether interrupted work is left in the database, which is to be dropped for other work.
    private var isInterrupted = false
    private let isComputed: Bool

    init(seed: UInt64, sources: Sources, program: Program) {
        self.seed = seed
        self.sources = sources
        self.program = program
        random = Random(seed: seed)
        isComputed = random.chance(0.6)
        choice = Choice(sources: sources, isComputed: isComputed)
        database = program.folder + "/run.embdb"
        tally.databases = 1
    }

    /// - Throws: ``Loss``.
    mutating func run(operations: Int, until deadline: Date?) throws {
        var before = Contents.nothing
        var cells: [String: Cell] = [:]
        for _ in 0..<operations {
            if let deadline, Date() > deadline { return }
            var operation = choice.next(on: database, cells, &random)
            if isInterrupted {
                operation = choice.bring(to: database, cells, &random)
                operation.arguments.append("--restart")
            }
            let (twin, calls, seconds) = try undisturbed(operation, cells: cells)
            let after = twin.contents
            let afterCells = try after.cells()
            try operation.check(afterCells, from: cells)
            if try !disturbed(operation, before: before, after: after, calls: calls, seconds: seconds) {
                tally.dropped += 1
                isInterrupted = true
                continue
            }
            isInterrupted = false
            (before, cells) = (after, afterCells)
        }
    }

    /// The operation on a copy of the database.
    private mutating func undisturbed(
        _ operation: Operation, cells: [String: Cell]
    ) throws -> (twin: (contents: Contents, path: String), calls: Int, seconds: Double) {
        let twin = program.folder + "/twin.embdb"
        for path in [twin, twin + "-lock", twin + ".copy"] { unlink(path) }
        if Contents.size(database) > 0 { try FileManager.default.copyItem(atPath: database, toPath: twin) }
        let result = try program.run(operation.arguments.map { $0.replacing(database, with: twin) }, counting: true)
        history.append("  " + operation.arguments.joined(separator: " "))
        // Nothing new is in what is brought: that is said, and no error of the program.
        guard result.exitCode == 0 || operation.added.isEmpty && operation.kind != .delete
        else {
            throw Loss("undisturbed, \(operation.kind.rawValue) exits with \(result.exitCode): \(result.lastLine)")
        }
        return ((try Contents(twin, program, hasTokens: isComputed), twin), result.calls, result.seconds)
    }

    /// The operation on the database, killed up to three times, then left alone.
    ///
    /// - Returns: false if it was dropped: the database is as before.
    private mutating func disturbed(
        _ operation: Operation, before: Contents, after: Contents, calls: Int, seconds: Double
    ) throws -> Bool {
        var kills = random.chance(0.3) ? 1 + random.below(3) : 1
        while true {
            let kill: Kill? = kills > 0 ? self.kill(calls: calls, seconds: seconds) : nil
            kills -= 1
            if let copy = operation.copy { unlink(copy) }
            let result = try program.run(operation.arguments, kill: kill)
            if let kill { history.append("    killed \(kill): exit code \(result.exitCode)") }
            guard result.wasKilled else {
                guard result.exitCode == 0 || operation.added.isEmpty && operation.removed.isEmpty else {
                    throw Loss("\(operation.kind.rawValue) exits with \(result.exitCode): \(result.lastLine)")
                }
                if kill != nil { tally.tooLate += 1 }
                break
            }
            tally.kills += 1
            tally.killed[operation.kind.rawValue, default: 0] += 1
            tally.calls[result.killedAt ?? "any time", default: 0] += 1
            let found = try Contents(database, program, hasTokens: isComputed)
            tally.states[try state(found, before: before, after: after, operation), default: 0] += 1
            if found.isPending, found.hasSameCells(as: before), random.chance(0.15) { return false }
            if !operation.isRepeatable, found.hasSameCells(as: after), !found.hasSameCells(as: before) { break }
        }
        let found = try Contents(database, program, hasTokens: isComputed)
        guard found.hasSameCells(as: after) else {
            throw Loss(
                "what was confirmed is not there, or another result than undisturbed: \(operation.kind.rawValue)")
        }
        guard found.info == after.info || operation.kind == .delete else {
            throw Loss("info differs from that of the undisturbed database:\n\(found.info)\n\(after.info)")
        }
        if let copy = operation.copy { try check(copy: copy, of: after) }
        tally.operations[operation.kind.rawValue, default: 0] += 1
        return true
    }

    private mutating func kill(calls: Int, seconds: Double) -> Kill {
        if calls > 0, random.chance(0.6) {
            return .call(1 + random.below(calls), how: random.pick(["before", "after", "half"]))
        }
        return .after(seconds: Double.random(in: 0...seconds, using: &random))
    }

    /// - Throws: ``Loss`` if the database is neither as before the operation nor as after it.
    private func state(
        _ found: Contents, before: Contents, after: Contents, _ operation: Operation
    ) throws -> String {
        if operation.kind == .backup || operation.kind == .compact || operation.kind == .group {
            guard found.hasSameCells(as: before) else {
                throw Loss("a killed \(operation.kind.rawValue) changed cells")
            }
            return "cells untouched"
        }
        if Contents.size(database) == 0 { return "no file yet" }
        if found.hasSameCells(as: before) {
            return found.isPending ? "part of it written, nothing of it seen" : "nothing of it written"
        }
        guard found.hasSameCells(as: after) else {
            throw Loss(
                "a killed \(operation.kind.rawValue) is seen in part: \(found.count) cells, \(before.count) before it and "
                    + "\(after.count) after it")
        }
        return found.indexed == after.indexed ? "all of it seen" : "all of it seen, index not written"
    }

    private func check(copy: String, of contents: Contents) throws {
        guard try Contents(copy, program, hasTokens: isComputed).hasSameCells(as: contents) else {
            throw Loss("a backup has not the cells of its database")
        }
    }
}
