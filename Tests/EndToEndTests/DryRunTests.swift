import Foundation
import TestSupport
import Testing

/// `ingest --dry-run`, `model info`, help and completion.
@Suite(.serialized)
struct DryRunTests {
    @Test("a dry run counts what the ingest then adds, estimates what it takes, and writes nothing")
    func dryRun() throws {
        let bench = try Workbench()
        let arguments = [
            "ingest", bench.database, Workbench.fixture("cells"), Workbench.fixture("empty_cells"), "--model",
            bench.model,
            "--format", "json",
        ]
        let result = try CommandLineTool.embdb.run(arguments + ["--dry-run"])
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(!FileManager.default.fileExists(atPath: bench.database))
        let estimate = try result.json()
        let real = try CommandLineTool.embdb.run(arguments).json()
        #expect(estimate["dry_run"].bool == true)
        #expect(estimate.keys.isSuperset(of: real.keys))
        for key in ["cells_added", "genes_matched", "genes_total", "truncated_cells"] {
            #expect(estimate[key].int == real[key].int, "\(key)")
        }
        #expect(estimate["cells_skipped"]["no_known_gene"].int == 2)
        #expect(estimate["layer"].string == real["layer"].string)
        #expect(estimate["database"]["cells"].int == 0)
        #expect(estimate["database"]["model"]["sha256"].string == real["database"]["model"]["sha256"].string)
        #expect((estimate["estimate"]["seconds"].double ?? 0) > 0)
        #expect((estimate["estimate"]["memory_bytes"].int ?? 0) > 1_000_000)
        // What is on disk depends on no clock.
        let size = try FileManager.default.attributesOfItem(atPath: bench.database)[.size] as? Int ?? 0
        let expected = estimate["estimate"]["disk_bytes"].int ?? 0
        #expect(expected > size / 2 && expected < size * 2, "\(expected) of \(size)")

        let before = try Data(contentsOf: URL(fileURLWithPath: bench.database))
        let again = try CommandLineTool.embdb.run(arguments + ["--dry-run"])
        #expect(try again.json()["cells_added"].int == 0)
        #expect(again.stderr.contains("complete already"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: bench.database)) == before)
        for format in ["table", "tsv"] {
            let text = try CommandLineTool.embdb.run(arguments.dropLast() + [format, "--dry-run"]).stdout
            #expect(text.contains("cells that would be added"))
        }
    }

    @Test("model info says what a folder holds, as the database would have it")
    func modelInfo() throws {
        let bench = try Workbench.filled()
        let result = try bench.run("model", "info", bench.model, "--format", "json")
        #expect(result.exitCode == 0, "\(result.stderr)")
        let model = try result.json()
        let stored = try bench.ask("info")["model"]
        #expect(model["sha256"].string == stored["sha256"].string)
        #expect(model.keys.isSuperset(of: stored.keys))
        #expect(model["kind"].string == "Geneformer V1")
        #expect(model["untrained"].bool == true)
        #expect(model["layers"].int == 2 && model["hidden_size"].int == 32 && model["heads"].int == 4)
        #expect(model["feed_forward_size"].int == 64 && model["genes"].int == 240)
        #expect(model["maximum_length"].int == 256)
        #expect(model["parameters"].int == stored["parameters"].int)
        #expect(model["files"].strings.map { ($0 as NSString).lastPathComponent } == ["config.json", "vocabulary.tsv"])
        #expect(model["unused_tensors"].array.isEmpty)
        let own = try bench.run("model", "info", "default", "--format", "json").json()
        #expect(own["untrained"].bool == false && own["head"].string == "masked genes")
        #expect(own["genes"].int == own["vocabulary_size"].int.map { $0 - 2 })
    }

    @Test(
        "model info knows what stands on the encoder",
        .enabled(
            if: SharedData.has("parity/geneformer-tiny-seqcls/config.json"), "skipped: ../shared/parity is not there"),
        arguments: [
            ("geneformer-tiny", "masked genes"), ("geneformer-tiny-seqcls", "cell classifier"),
            ("geneformer-tiny-tokcls", "gene classifier"),
        ])
    func heads(name: String, head: String) throws {
        // Their own dictionaries are not there; those of the fixtures have fewer tokens, which is a warning.
        let result = try CommandLineTool.embdb.run([
            "model", "info", SharedData.path("parity/\(name)"), "--dictionaries", Workbench.fixtures, "--format",
            "json",
        ])
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(try result.json()["head"].string == head)
        #expect(try result.json()["untrained"].bool == false)
        #expect(result.stderr.contains("warning: the dictionaries have 242 tokens"))
    }

    @Test("every verb has its example in --help, and --version; completion scripts are there for three shells")
    func help() throws {
        let help = try CommandLineTool.embdb.run(["--help"]).stdout
        // The list ends before the line that says how to get help on one verb.
        let listed = help.split(separator: "\n").drop { !$0.hasPrefix("SUBCOMMANDS") }.dropFirst()
            .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.hasPrefix("  See ") }
        let verbs = listed.compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(
            Set(verbs).isSuperset(of: ["ingest", "nearest", "knockouts", "export", "info", "verify", "model", "bench"]))
        for verb in verbs.map({ [$0] }) + [["bench", "search"], ["bench", "embed"], ["model", "info"]] {
            let text = try CommandLineTool.embdb.run(verb + ["-h"]).stdout
            #expect(text.contains("embdb \(verb.joined(separator: " "))") && text.contains("xample"), "\(verb)")
            #expect(try CommandLineTool.embdb.run(verb + ["--version"]).stdout.hasPrefix("embdb "))
        }
        for shell in ["bash", "zsh", "fish"] {
            let script = try CommandLineTool.embdb.run(["--generate-completion-script", shell])
            #expect(script.exitCode == 0)
            #expect(script.stdout.contains("knockouts") && script.stdout.contains("normalized"))
        }
    }
}
