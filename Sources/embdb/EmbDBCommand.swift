internal import ArgumentParser
internal import EmbDB
internal import Foundation

@main
struct EmbDBCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embdb",
        abstract: "An embedded vector database of gene and cell embeddings.",
        discussion: """
            Counts go in, nearest cells and ranked knockouts come out, from one file:
              embdb ingest heart.embdb heart.h5ad --model default
              embdb nearest heart.embdb --cell AAACCTG-1 -k 5
              embdb knockouts heart.embdb \\
                --from 'disease == "DCM"' --to 'disease == "normal"'

            Completion of verbs, options and files in your shell (bash; also zsh, fish):
              embdb --generate-completion-script bash \\
                > ~/.local/share/bash-completion/completions/embdb
            """,
        version: Version.text,
        subcommands: [
            Ingest.self, Import.self, Nearest.self, Annotate.self, Genes.self, Perturb.self, Knockouts.self,
            Export.self,
            Info.self, Verify.self, Model.self, Bench.self,
        ])

    static func main() {
        signal(SIGPIPE, SIG_IGN)
        // A file that may not grow further (ulimit -f) is an error of the write.
        signal(SIGXFSZ, SIG_IGN)
        if !GuardedRun.isChild { Interrupt.explainFaults() }
        do {
            var command = try parseAsRoot()
            if let verb = command as? any DatabaseVerb, !GuardedRun.isChild { verb.warnOfFileSystem() }
            try command.run()
        } catch {
            exit(for: error)
        }
    }

    private static var verbs: [String] {
        configuration.subcommands.map { $0._commandName } + ["help"]
    }

    /// Help and version go to stdout; an error's last line is `embdb: what is wrong (where): what to do`.
    private static func exit(for error: any Error) -> Never {
        if let error = error as? NothingFound {
            if let message = error.message { Console.note("embdb: \(message)") }
            Foundation.exit(2)
        }
        if let error = error as? EmbDBError {
            Console.note((error.details.map { $0 + "\n" } ?? "") + "embdb: \(error.message)")
            switch error.code {
            case .nothingFound: Foundation.exit(2)
            case .usage: Foundation.exit(64)
            case .cancelled: Foundation.exit(130)
            default: Foundation.exit(1)
            }
        }
        if let verb = CommandLine.arguments.dropFirst().first, !verb.hasPrefix("-"), !verbs.contains(verb) {
            Console.note("embdb: there is no verb \(verb): give \(verbs.dropLast().joined(separator: ", ")) or help")
            Foundation.exit(64)
        }
        let code = exitCode(for: error).rawValue
        if code == 0 {
            Console.answer(fullMessage(for: error))
            Foundation.exit(0)
        }
        if error is ExitCode { Foundation.exit(code) }
        let usage = fullMessage(for: error).split(separator: "\n")
            .filter { !$0.hasPrefix("Error:") && !$0.hasPrefix("Help:") }
        for line in usage { Console.note(String(line)) }
        var message = message(for: error)
        if message.isEmpty { message = "wrong usage" }
        if !message.hasPrefix("-") { message = message.prefix(1).lowercased() + message.dropFirst() }
        while message.last == "." { message.removeLast() }
        message = message.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        Console.note("embdb: \(message)" + (message.contains(": ") ? "" : ": see the usage above"))
        Foundation.exit(code)
    }
}

/// The verb ran, but there is nothing to show: exit code 2.
struct NothingFound: Error {
    var message: String?
}
