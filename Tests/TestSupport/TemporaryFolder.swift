import Foundation

/// A folder that is removed with its last owner.
public final class TemporaryFolder: Sendable {
    /// The folder's absolute path.
    public let path: String

    /// Makes an empty folder among the system's temporary ones.
    public init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("embdb-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in the folder; nothing is made.
    public func file(_ name: String) -> String { path + "/" + name }
}
