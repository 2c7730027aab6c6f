import EmbDB
import Foundation
import Testing

@Suite("interrupted ingests")
struct ResumeTests {
    /// Every 60th cell takes longer than half a second, so that a commit follows.
    static func slowly(_ seen: Log, isCancelled: @escaping @Sendable () -> Bool = { false }) -> Control {
        Control(
            progress: { progress in
                guard progress.phase == "embedding", progress.done % 60 == 0 else { return }
                seen.add("\(progress.done)")
                Thread.sleep(forTimeInterval: 0.55)
            },
            isCancelled: isCancelled)
    }

    /// Stops the task after `count` times 60 cells.
    static func stopping(at count: Int) -> Control {
        let seen = Log()
        return slowly(seen) { seen.count >= count }
    }

    static func code(_ body: () throws -> Void) -> EmbDBError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? EmbDBError)?.code }
    }

    @Test("the same command goes on, and gives what an uninterrupted one would have", arguments: [0, 1, 3, 5])
    func resuming(stop: Int) throws {
        let space = try Workspace()
        let files = [Fixture.small, Fixture.broken]
        let expected = try space.exports(space.ingested(files, name: "whole"))

        let database = try space.database()
        #expect(
            Self.code { _ = try database.ingest(files, options: space.options(), control: Self.stopping(at: stop)) }
                == .cancelled)
        let info = try database.info()
        #expect(info.summary.cells == 0)
        #expect(Self.code { _ = try database.nearest(.cells(["cell-0"])) } == .nothingFound)
        #expect(try Database.verify(database.path).fault == nil)
        let written = info.pendingIngest?.cellsWritten ?? 0
        #expect(stop < 3 || written > 0)
        #expect(stop == 0 || info.pendingIngest?.sources == ["small.h5ad", "broken.h5ad"])

        // Other threads, another name of the same content, no model named: still the same.
        let copy = space.path("copy.h5ad")
        try FileManager.default.copyItem(atPath: Fixture.small, toPath: copy)
        let report = try database.ingest(
            [copy, Fixture.broken],
            options: space.options {
                $0.threads = 1
                if stop > 0 { $0.model = nil }
            })
        #expect(report.wasResumed == (written > 0))
        #expect(report.cellsAdded == 307 && report.cellsSkipped == ["no_known_gene": 1])
        #expect(try space.exports(database) == expected)
        #expect(try database.info().pendingIngest == nil)
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("interrupted again and again, on top of cells that are there, some of them replaced")
    func again() throws {
        let space = try Workspace()
        let base = try space.ingested([Fixture.small], name: "base")
        let before = try space.exports(base)
        let options = space.options { $0.onConflict = .replace }
        let whole = try Database.open(space.copy(base, to: "whole"), access: .readWrite)
        _ = try whole.ingest([Fixture.other, Fixture.broken], options: options)
        for stop in [1, 2, 3] {
            #expect(
                Self.code {
                    _ = try base.ingest(
                        [Fixture.other, Fixture.broken], options: options, control: Self.stopping(at: stop))
                } == .cancelled)
            #expect(try space.exports(base) == before)
            #expect(try base.info().index.deleted == 0)
            let answer = try base.nearest(.cells(["cell-40"]))
            #expect(answer.queries[0].neighbors.allSatisfy { before.ids.contains($0.cell) })
        }
        _ = try base.ingest([Fixture.other, Fixture.broken], options: options)
        #expect(try space.exports(base) == space.exports(whole))
        #expect(try Database.verify(base.path).fault == nil)
    }

    @Test("another ingest on top of an unfinished one is refused; restart drops the unfinished one")
    func restart() throws {
        let space = try Workspace()
        let expected = try space.exports(space.ingested([Fixture.small], name: "alone"))
        let database = try space.database()
        let unfinished = space.options { $0.onConflict = .skip }
        #expect(
            Self.code {
                _ = try database.ingest([Fixture.broken], options: unfinished, control: Self.stopping(at: 2))
            } == .cancelled)
        #expect((try database.info().pendingIngest?.cellsWritten ?? 0) > 0)

        let other = try Workspace(seed: 8)
        for options in [
            space.options(), space.options { $0.filter = #"batch == "x1""# },
            space.options { $0.onConflict = .replace },
            other.options(),
        ] {
            #expect(Self.code { _ = try database.ingest([Fixture.broken], options: options) } == .pendingIngest)
        }
        #expect(Self.code { _ = try database.ingest([Fixture.small], options: space.options()) } == .pendingIngest)

        let report = try database.ingest([Fixture.small], options: space.options { $0.restart = true })
        #expect(!report.wasResumed && report.cellsAdded == 47)
        #expect(try space.exports(database) == expected)
        #expect(try database.info().pendingIngest == nil)
        #expect(try Database.verify(database.path).fault == nil)
        // What was dropped may come again, from its start.
        #expect(try database.ingest([Fixture.broken], options: unfinished).cellsAdded == 260)
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("restart takes another model where only the unfinished ingest had one")
    func restartWithAnotherModel() throws {
        let space = try Workspace()
        let database = try space.database()
        #expect(
            Self.code {
                _ = try database.ingest([Fixture.broken], options: space.options(), control: Self.stopping(at: 2))
            } == .cancelled)
        #expect(try database.info().pendingIngest != nil)
        let other = try Workspace(isV2: true)
        _ = try database.ingest([Fixture.small], options: other.options { $0.restart = true })
        #expect(try database.info().summary.model?.kind == "Geneformer V2")
        #expect(try other.exports(database) == other.exports(other.ingested([Fixture.small])))
        #expect(try Database.verify(database.path).fault == nil)
    }

    @Test("a bad count in the middle of a file leaves the database as it was", arguments: [false, true])
    func failingInput(onTop: Bool) throws {
        let space = try Workspace()
        let database = try onTop ? space.ingested([Fixture.small]) : space.database()
        let before = onTop ? try space.exports(database) : nil
        let commits = Log()
        let control = Self.slowly(commits)
        let error = #expect(throws: EmbDBError.self) {
            _ = try database.ingest(
                [Fixture.broken],
                options: space.options {
                    $0.layer = "layers/broken"
                    $0.cellsOfBlock = 32
                }, control: control)
        }
        #expect(commits.lines.count >= 3, "cells were committed before the fault was found")
        #expect(error?.code == .input)
        for part in ["broken.h5ad", "layers/broken", "200", "1.5"] {
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
        }
        let info = try database.info()
        #expect(info.pendingIngest == nil)
        #expect(info.summary.cells == (onTop ? 47 : 0))
        #expect((info.summary.model == nil) == !onTop)
        #expect(try Database.verify(database.path).fault == nil)
        if let before { #expect(try space.exports(database) == before) }
        // The whole counts of the same file go in.
        #expect(try database.ingest([Fixture.broken], options: space.options()).cellsAdded == 260)
    }

    @Test("nobody asks for a database where nothing can be ingested")
    func nothing() throws {
        let space = try Workspace()
        #expect(
            Self.code {
                _ = try Database.ingest(
                    [Fixture.small], into: space.path("n"), options: space.options { $0.model = "/no" })
            } == .model)
        #expect(
            Self.code {
                _ = try Database.ingest([space.path("no.h5ad")], into: space.path("n"), options: space.options())
            } == .input)
        #expect(!FileManager.default.fileExists(atPath: space.path("n")))
        #expect(try Database.ingest([Fixture.small], into: space.path("n"), options: space.options()).cellsAdded == 47)
    }
}
