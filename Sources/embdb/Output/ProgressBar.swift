internal import EmbDB
internal import Foundation
internal import Synchronization

/// One line on the terminal for whatever takes over two seconds; silent where stderr is no terminal.
final class ProgressBar: Sendable {
    private struct State {
        var phase = ""
        var phaseStart = Date()
        /// What was done before the phase began, by an ingest that is taken up again.
        var doneAtStart = 0
        var lastDrawn = Date.distantPast
        var isDrawn = false
    }

    private let state = Mutex(State())
    private let isActive: Bool

    init(quiet: Bool) { isActive = !quiet && isatty(STDERR_FILENO) == 1 }

    func update(_ progress: Control.Progress) {
        guard isActive else { return }
        state.withLock { state in
            let now = Date()
            if state.phase != progress.phase {
                state.phase = progress.phase
                state.phaseStart = now
                state.doneAtStart = progress.done
            }
            let elapsed = now.timeIntervalSince(state.phaseStart)
            guard elapsed > 2, now.timeIntervalSince(state.lastDrawn) > 0.1, progress.done > state.doneAtStart else {
                return
            }
            state.lastDrawn = now
            state.isDrawn = true
            let share = Double(progress.done) / Double(max(1, progress.total))
            let filled = Int(share * 24)
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
            let rate = Double(progress.done - state.doneAtStart) / elapsed
            let left = Double(progress.total - progress.done) / rate
            let line =
                "\(progress.phase) \(bar) \(progress.done)/\(progress.total) \(progress.unit), "
                + String(format: "%.1f/s, ", rate) + Self.duration(left) + " left"
            FileHandle.standardError.write(Data("\r\u{1B}[2K\(line)".utf8))
        }
    }

    /// Removes the line, before something else is printed.
    func clear() {
        state.withLock { state in
            if state.isDrawn { FileHandle.standardError.write(Data("\r\u{1B}[2K".utf8)) }
            state.isDrawn = false
        }
    }

    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
