internal import ArgumentParser

/// What a shell offers for an argument that names a file.
extension CompletionKind {
    static var database: CompletionKind { .file(extensions: ["embdb"]) }
    static var npy: CompletionKind { .file(extensions: ["npy"]) }
}
