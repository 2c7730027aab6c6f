import EmbDB
import TestSupport
import Testing

@Suite("parts of a cross-validation")
struct FoldsTests {
    private static func counts(_ folds: [Int], _ classes: [Int], parts: Int) -> [[Int]] {
        (0...(classes.max() ?? 0)).map { label in
            (0..<parts).map { part in zip(folds, classes).count { $0 == (part, label) } }
        }
    }

    @Test(
        "each class, and the whole, is spread within one; a seed gives the same parts, another one others",
        arguments: 2...7)
    func spread(parts: Int) {
        var random = SplitMix64(state: UInt64(parts))
        let classes = (0..<200).map { _ in [0, 0, 0, 1, 1, 2][Int(random.next() % 6)] } + [3, 3]
        let folds = Folds.assign(classes: classes, to: parts, seed: 4)
        for counts in Self.counts(folds, classes, parts: parts) {
            #expect((counts.max() ?? 9) - (counts.min() ?? 0) <= 1)
        }
        let sizes = (0..<parts).map { part in folds.count { $0 == part } }
        #expect((sizes.max() ?? 9) - (sizes.min() ?? 0) <= 1)
        #expect(Folds.assign(classes: classes, to: parts, seed: 4) == folds)
        #expect(Folds.assign(classes: classes, to: parts, seed: 5) != folds)
    }

    @Test("groups are never divided, and balance the classes as far as they can", arguments: 1...20)
    func groups(seed: Int) {
        var random = SplitMix64(state: UInt64(seed))
        let groups = (0..<300).map { _ in Int(random.next() % 12) }
        let classes = groups.map { _ in Int(random.next() % 2) }
        let folds = Folds.assign(classes: classes, groups: groups, to: 3, seed: UInt64(seed))
        for group in 0..<12 { #expect(Set(zip(groups, folds).filter { $0.0 == group }.map(\.1)).count <= 1) }
        // About four groups each of 100 cells.
        for counts in Self.counts(folds, classes, parts: 3) { #expect(counts.allSatisfy { (35...65).contains($0) }) }
        #expect(Folds.assign(classes: classes, groups: groups, to: 3, seed: UInt64(seed)) == folds)
    }

    @Test("groups of one class each go where the class is missing")
    func groupsOfOneClass() {
        let groups = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
        let classes = [0, 0, 0, 1, 1, 1, 0, 0, 1, 1]
        let folds = Folds.assign(classes: classes, groups: groups, to: 2, seed: 1)
        for part in 0..<2 { #expect(Set(zip(folds, classes).filter { $0.0 == part }.map(\.1)) == [0, 1]) }
        // With a part for each group, none is empty.
        #expect(Set(Folds.assign(classes: classes, groups: groups, to: 4, seed: 1)).count == 4)
        #expect(Set(Folds.assign(classes: [0, 0, 1], groups: [0, 0, 1], to: 2, seed: 1)).count == 2)
    }

    @Test("more parts than there are groups, or things, leave parts empty")
    func empty() {
        #expect(Set(Folds.assign(classes: [0, 1, 0], groups: [0, 1, 1], to: 5, seed: 0)).count == 2)
        let alone = Folds.assign(classes: [0, 1], to: 5, seed: 0)
        #expect(Set(alone).count == 2 && alone.allSatisfy { (0..<5).contains($0) })
        #expect(Folds.assign(classes: [], to: 3, seed: 0).isEmpty)
    }

    @Test(
        "the part to test is the one that has the share, not a donor with most of the cells; what is in no part is passed by"
    )
    func nearest() {
        let folds =
            Array(repeating: 0, count: 60) + Array(repeating: 1, count: 22) + Array(repeating: 2, count: 18) + [-1, -1]
        let classes = folds.indices.map { $0 % 2 }
        #expect(
            Folds.part(nearest: 0.2, folds, classes: classes) == 1
                || Folds.part(nearest: 0.2, folds, classes: classes) == 2)
        #expect(Folds.part(nearest: 0.5, folds, classes: classes) == 0)
        // Part 1 has the right size, but one class alone.
        #expect(Folds.part(nearest: 0.25, [0, 0, 1, 1, 2, 2, 3, 3], classes: [0, 1, 0, 0, 0, 1, 1, 1]) == 0)
        #expect(Folds.part(nearest: 0.2, [3, 3, -1], classes: [0, 1, 1]) == nil)
        #expect(Folds.part(nearest: 0.2, [-1], classes: [0]) == nil)
    }
}
