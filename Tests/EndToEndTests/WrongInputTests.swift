import Foundation
import TestSupport
import Testing

/// Whatever is wrong with what a user brings: the exit code, one clear last line, nothing on stdout, and a database that
/// shows what it showed before.
@Suite(.serialized)
struct WrongInputTests {
    /// Generous: it kills what hangs, and measures nothing.
    private static let timeLimit = 20.0
    /// One database for all cases; none may change it.
    private static let shared = Result { try (files: WrongInputFiles(), folder: TemporaryFolder()) }
    private static let contents = Result { try Contents(shared.get().files.bench.database) }

    private let files: WrongInputFiles
    private let folder: TemporaryFolder

    init() throws { (files, folder) = try Self.shared.get() }

    @Test("files", arguments: WrongInput.files)
    func files(_ input: WrongInput) throws { try check(input) }

    @Test("values, genes and cells", arguments: WrongInput.contents)
    func contents(_ input: WrongInput) throws { try check(input) }

    @Test("models", arguments: WrongInput.models)
    func models(_ input: WrongInput) throws { try check(input) }

    @Test("arguments", arguments: WrongInput.arguments)
    func arguments(_ input: WrongInput) throws { try check(input) }

    @Test("databases and outputs", arguments: WrongInput.databasesAndOutputs)
    func databasesAndOutputs(_ input: WrongInput) throws { try check(input) }

    private func check(_ input: WrongInput) throws {
        let new = folder.file("new-\(UUID().uuidString).embdb")
        let before = try bytes()
        let result = try run(input.arguments, new: new)
        #expect(result.exitCode == input.exitCode, "\(result.stderr)")
        try checkWords(input, result)
        try checkUnchanged(before)
        if input.exitCode != 0 {
            try checkNew(new)
            try refuseInNew(input)
        }
    }

    private func run(_ arguments: [String], new: String) throws -> CommandResult {
        try CommandLineTool.embdb.run(
            arguments.map { files.argument($0, new: new) }, timeLimit: Self.timeLimit)
    }

    private func checkWords(_ input: WrongInput, _ result: CommandResult) throws {
        let said = input.exitCode == 0 ? result.stderr : result.lastErrorLine
        for word in input.words { #expect(said.contains(word), "\(result.stderr)") }
        guard input.exitCode != 0 else { return }
        #expect(result.stdout.isEmpty, "\(result.stdout)")
        #expect(result.lastErrorLine.hasPrefix("embdb: "), "\(result.stderr)")
        // What is wrong, and what to do.
        #expect(result.lastErrorLine.dropFirst("embdb: ".count).contains(": "), "\(result.stderr)")
        #expect(result.stderr.split(separator: "\n").count { $0.hasPrefix("embdb: ") } == 1, "\(result.stderr)")
    }

    private func bytes() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: files.bench.database)) }

    /// The same bytes; or, where batches had been written and were dropped again, the same contents.
    private func checkUnchanged(_ before: Data) throws {
        if try bytes() == before { return }
        let isUnchanged = try Contents(files.bench.database) == Self.contents.get()
        #expect(isUnchanged, "the database has changed")
    }

    /// A database that a failed ingest has made, if it has, holds nothing, and waits for nothing.
    private func checkNew(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let info = try CommandLineTool.embdb.run(["info", path, "--format", "json"])
        guard info.exitCode == 0 else { return }
        #expect(try info.json()["cells"].int == 0)
        #expect(try info.json()["pending_ingest"].isNull)
    }

    /// What cannot be ingested into the database cannot be ingested into a new one either, unless it is about what the
    /// database holds.
    private func refuseInNew(_ input: WrongInput) throws {
        let isAboutTheDatabase = input.words.contains {
            ["--on-conflict", "category", "another model", "--embed"].contains($0)
        }
        guard input.arguments.starts(with: ["ingest", "DB"]), input.exitCode == 1, !isAboutTheDatabase else { return }
        let new = folder.file("new-\(UUID().uuidString).embdb")
        let result = try run(["ingest", new] + input.arguments.dropFirst(2) + ["--model", "MODEL"], new: new)
        #expect(result.exitCode == 1, "\(result.stderr)")
        try checkWords(input, result)
        try checkNew(new)
    }

    /// One table of another name; entries outside of any table, with keys that are text or numbers, and more than a
    /// database has tables.
    @Test(
        "another program's LMDB file is refused by every verb and left as it is",
        arguments: ["other", "plain", "numbered", "many"])
    func foreignDatabase(name: String) throws {
        let bench = files.bench
        let path = folder.file(name + ".lmdb")
        try FileManager.default.copyItem(atPath: "\(Workbench.fixtures)/wrong/\(name).lmdb", toPath: path)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        for arguments in [
            ["ingest", path, Workbench.fixture("cells"), "--model", bench.model], ["info", path], ["verify", path],
            ["nearest", path, "--cell", "cell0"], ["genes", path, "--gene", "TTN"],
            ["genes", path, "--group-genes-by", "disease"], ["export", path, folder.file("x.npy")],
        ] {
            try bench.refused(
                1, arguments, saying: name == "other" ? "an LMDB file of another program" : "not an embdb database",
                path, "name a file that embdb wrote")
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before, "\(arguments[0])")
        }
    }

    @Test("the table is as long as was promised, and has no case twice")
    func table() {
        let all =
            WrongInput.files + WrongInput.contents + WrongInput.models + WrongInput.arguments
            + WrongInput.databasesAndOutputs
        #expect(all.count >= 60)
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(Set(all.map(\.arguments)).count == all.count)
    }

    @Test("after a refusal the same new database takes a good file")
    func afterRefusal() throws {
        let new = folder.file("again.embdb")
        let bad = try run(["ingest", new, "fix:negative", "--model", "MODEL", "--layer", "X"], new: new)
        #expect(bad.exitCode == 1)
        let good = try run(["ingest", new, "fix:layers", "--model", "MODEL"], new: new)
        #expect(good.exitCode == 0, "\(good.stderr)")
    }
}
