import Foundation

/// Real cells, dictionaries and parity tensors that lie beside a developer's checkout, in `../shared`; a user's
/// clone has none. A test that needs one is written
/// `@Test(.enabled(if: SharedData.has("data/pbmc3k/pbmc3k_raw.h5ad"), "skipped: ../shared/data/… is not there"))`.
public enum SharedData {
    /// `<checkout>/../shared`, or `EMBDB_SHARED` from the environment.
    public static let root: String = {
        if let path = ProcessInfo.processInfo.environment["EMBDB_SHARED"] { return path }
        let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return checkout.deletingLastPathComponent().appendingPathComponent("shared").path
    }()

    /// The absolute path of a file there.
    public static func path(_ relative: String) -> String { root + "/" + relative }
    /// Whether it is there.
    public static func has(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: path(relative)) }
}
