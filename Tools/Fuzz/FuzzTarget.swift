import EmbDB
import Foundation

/// A border that takes untrusted bytes. An input ends with an answer or a thrown error; whatever else happens (a trap, a
/// bad access, a hang, memory without bound, a failed `require`) is a finding.
protocol FuzzTarget: Sendable {
    static func run(_ bytes: [UInt8])
    /// Seeds beside the files in Seeds; `files` are the arguments of the program.
    static func seeds(_ files: [String]) throws -> [[UInt8]]
}

extension FuzzTarget {
    static func seeds(_ files: [String]) throws -> [[UInt8]] { [] }
}

/// A property that holds for every input.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
    if !holds { fatalError(what()) }
}

/// An error that people read is one line without control characters, whatever the file has in its names.
func check(_ error: any Error) {
    let text = EmbDBError(wrapping: error).message
    require(
        text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{2028}" },
        "control characters in the message: \(text.debugDescription)")
}

/// Calls `body`; an error is checked and the end of it.
func refusing(_ body: () throws -> Void) {
    do { try body() } catch { check(error) }
}

/// A file of this process that takes the bytes of one input after the other. The script makes the folder, in memory
/// where it can.
enum Scratch {
    static let folder = FileManager.default.temporaryDirectory.path + "/fuzz-\(getpid())"

    static func path(_ name: String) -> String {
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder + "/" + name
    }

    static func write(_ bytes: [UInt8], _ name: String) -> String {
        let path = path(name)
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        } catch {
            fatalError("the folder for inputs cannot be written: \(error)")
        }
        return path
    }
}
