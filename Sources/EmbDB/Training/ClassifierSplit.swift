/// What is tested, what says when to stop, and what is learned from: groups go as a whole, classes are spread evenly.
struct ClassifierSplit {
    let data: LabelledCells
    let options: FinetuneOptions

    /// - Throws: ``EmbDBError/Code/usage`` if some folds would have nothing to test.
    func check(_ control: Control) throws(EmbDBError) {
        let what = data.task.isOfCells ? "cells" : "genes"
        guard options.folds <= data.truth.count else {
            throw EmbDBError(
                .usage, "--folds \(options.folds): there are \(data.truth.count) \(what): give at most so many folds")
        }
        let groups = data.groups.map { Set($0).count } ?? .max
        guard options.folds <= max(2, groups) else {
            throw EmbDBError(
                .usage,
                "--folds \(options.folds): there are \(groups) values of \(options.group ?? "") to divide: give at most so "
                    + "many folds")
        }
        let counts = data.counts
        let small = data.classes.indices.filter { counts[$0] < options.folds }
        if !small.isEmpty {
            control.warning(
                "classes with fewer \(what) than there are folds are not in all of them: "
                    + ClassChoice.listed(
                        Dictionary(uniqueKeysWithValues: small.map { (data.classes[$0], counts[$0]) })))
        }
    }

    /// The part of each thing, and the parts that are to be tested: all, or the one of about ``FinetuneOptions/holdOut``.
    func folds() throws(EmbDBError) -> (folds: [Int], tested: [Int]) {
        let parts = options.folds == 1 ? Self.parts(of: options.holdOut) : options.folds
        let folds = try split(Array(repeating: true, count: data.truth.count), into: parts, seed: options.seed)
        guard options.folds == 1 else { return (folds, Array(0..<parts)) }
        guard let tested = Folds.part(nearest: options.holdOut, folds, classes: data.truth) else {
            throw EmbDBError(.nothingFound, "there is too little to divide for a test: give more cells")
        }
        return (folds, [tested])
    }

    /// Which things of `isUsed` say when to stop.
    func watched(of isUsed: [Bool]) throws(EmbDBError) -> [Bool] {
        let folds = try split(isUsed, into: Self.parts(of: options.validation), seed: options.seed &+ 1)
        let chosen = Folds.part(nearest: options.validation, folds, classes: data.truth)
        return folds.map { $0 == chosen }
    }

    /// So many equal parts that one is nearest to the share.
    private static func parts(of share: Double) -> Int { max(2, Int((1 / share).rounded())) }

    /// The part of each thing of `isUsed`, −1 for others.
    private func split(_ isUsed: [Bool], into parts: Int, seed: UInt64) throws(EmbDBError) -> [Int] {
        let used = isUsed.indices.filter { isUsed[$0] }
        var groups: [Int]?
        var parts = parts
        if let all = data.groups {
            let present = Set(used.map { all[$0] }).sorted()
            guard present.count >= 2 else {
                throw EmbDBError(
                    .usage,
                    "--group \(options.group ?? ""): there are too few values to divide, it takes one each to learn from, to "
                        + "stop by and to test: leave it out, or give more of them")
            }
            let number = Dictionary(present.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            groups = used.map { number[all[$0]] ?? 0 }
            parts = min(parts, present.count)
        }
        let folds = Folds.assign(classes: used.map { data.truth[$0] }, groups: groups, to: parts, seed: seed)
        var result = [Int](repeating: -1, count: isUsed.count)
        for (place, thing) in used.enumerated() { result[thing] = folds[place] }
        return result
    }
}
