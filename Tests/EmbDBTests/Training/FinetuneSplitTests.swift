import AnnData
import EmbDB
import Foundation
import Testing

@Suite("what a classifier is tested on")
struct FinetuneSplitTests {
    @Test("--group: no donor is in both parts, and the part to test has about the share")
    func groups() throws {
        let space = try Workspace()
        let donors = try space.truth("donor")
        try space.finetune("folds") {
            $0.group = "donor"
            $0.folds = 3
        }
        let rows = try Predictions(space.path("folds")).rows
        #expect(rows.count == 240)
        for donor in Set(donors.values) {
            #expect(Set(rows.filter { donors[$0.name] == donor }.map(\.fold)).count == 1, "\(donor)")
        }
        #expect(Set(rows.map(\.fold)) == ["1", "2", "3"])
        try space.finetune("one") { $0.group = "donor" }
        let tested = Set(try Predictions(space.path("one")).rows.map { donors[$0.name] })
        #expect((1...2).contains(tested.count))
        #expect((25...75).contains(try Predictions(space.path("one")).rows.count))
        space.refused(.usage, ["--folds 7", "6 values of donor"]) {
            $0.group = "donor"
            $0.folds = 7
        }
        space.refused(.usage, ["--group tissue", "too few"]) { $0.group = "tissue" }
        // One group a class: there is none to stop by.
        space.refused(.usage, ["--group state", "too few"]) { $0.group = "state" }
    }

    @Test("a class that one donor has alone: every fold is tested, and what cannot be said is named")
    func classOfOneDonor() throws {
        let space = try Workspace()
        let donors = try CellFile(path: Fixture.labelled).obs.column(named: "donor").readTexts(rows: 0..<250)
        let file = space.path("alone.h5ad")
        let alone = donors.map { $0 == "d1" ? "A" : "B" }
        try H5ADWriter.copy(
            Fixture.labelled, to: file, cellCount: 250,
            columns: [NewColumn(name: "alone", values: .categories(of: alone))], matrices: [])
        let warnings = Log()
        let report = try space.finetune("folds", .cell(label: "alone"), files: [file], warnings: warnings) {
            $0.group = "donor"
            $0.folds = 6
            $0.epochs = 1
        }
        #expect(report.folds.count == 6 && report.folds.reduce(0) { $0 + $1.count } == 250)
        let size = alone.count { $0 == "A" }
        #expect(
            warnings.lines.contains { $0.contains("nothing to learn from (fold") && $0.contains("A (\(size))") },
            "\(warnings.lines)")
        let one = Log()
        try space.finetune("one", .cell(label: "alone"), files: [file], warnings: one) {
            $0.group = "donor"
            $0.epochs = 1
        }
        #expect(one.lines.contains { $0.contains("nothing was tested") && $0.contains("A (\(size))") }, "\(one.lines)")
    }

    @Test("cells whose ids come again are named: copies would be tested by what was learned from")
    func copies() throws {
        let space = try Workspace()
        let warnings = Log()
        let report = try space.finetune("tuned", files: [Fixture.labelled, Fixture.labelled], warnings: warnings) {
            $0.epochs = 1
        }
        #expect(report.counts == [240, 240] && report.leftOut == ["rare": 6])
        #expect(warnings.lines.contains { $0.contains("243 cells have an id") }, "\(warnings.lines)")
    }

    @Test("more folds than there are cells are refused, a class that is not in all of them is named")
    func folds() throws {
        let space = try Workspace()
        space.refused(.usage, ["--folds 50", "20 cells"]) {
            $0.maximumOfClass = 10
            $0.folds = 50
        }
        let warnings = Log()
        let report = try space.finetune("tuned", warnings: warnings) {
            $0.minimumOfClass = 1
            $0.maximumOfClass = 10
            $0.folds = 4
            $0.epochs = 1
        }
        #expect(report.folds.reduce(0) { $0 + $1.count } == 23)
        #expect(warnings.lines.contains { $0.contains("not in all of them: rare (3)") }, "\(warnings.lines)")
    }
}
