internal import EmbDB

/// A verb whose first argument is a database.
protocol DatabaseVerb {
    var database: String { get }
    var output: OutputOptions { get }
}

extension DatabaseVerb {
    /// Once a run, before anything else.
    func warnOfFileSystem() {
        if let warning = Database.fileSystemWarning(database) { output.summary("warning: \(warning)") }
    }
}

extension Ingest: DatabaseVerb {}
extension Import: DatabaseVerb {}
extension Nearest: DatabaseVerb {}
extension Annotate: DatabaseVerb {}
extension Genes: DatabaseVerb {}
extension Perturb: DatabaseVerb {}
extension Knockouts: DatabaseVerb {}
extension Export: DatabaseVerb {}
extension Info: DatabaseVerb {}
extension Verify: DatabaseVerb {}
