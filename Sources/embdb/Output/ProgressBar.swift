internal import Dispatch
internal import EmbDB
internal import Foundation
internal import Synchronization

/// One line on the terminal for whatever takes over two seconds; silent where stderr is no terminal.
final class ProgressBar: Sendable {
    private struct State {
        var progress: Control.Progress?
        var phaseStart = Date()
        /// What was done before the phase began, by an ingest that is taken up again.
        var doneAtStart = 0
        var lastDrawn = Date.distantPast
        var isDrawn = false
    }

    private let state = Mutex(State())
    private let start = Date()
    /// Draws also while one long step reports nothing; nil where nothing is drawn. Dispatch's sources may be
    /// used from any thread.
    nonisolated(unsafe) private let clock: (any DispatchSourceTimer)?

    init(quiet: Bool) {
        guard !quiet, Terminal.columns(of: STDERR_FILENO) != nil else {
            clock = nil
            return
        }
        clock = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "progress", qos: .userInteractive))
        clock?.schedule(deadline: .now() + 2, repeating: 0.5)
        clock?.setEventHandler { [weak self] in self?.draw() }
        clock?.activate()
    }

    deinit { clock?.cancel() }

    func update(_ progress: Control.Progress) {
        guard clock != nil else { return }
        state.withLock { state in
            if state.progress?.phase != progress.phase {
                state.phaseStart = Date()
                state.doneAtStart = progress.done
            }
            state.progress = progress
        }
        draw()
    }

    private func draw() {
        state.withLock { state in
            let now = Date()
            guard let progress = state.progress, now.timeIntervalSince(start) > 2,
                now.timeIntervalSince(state.lastDrawn) > 0.1,
                let columns = Terminal.columns(of: STDERR_FILENO)
            else { return }
            state.lastDrawn = now
            state.isDrawn = true
            let line = ProgressLine(
                progress: progress, doneAtStart: state.doneAtStart, elapsed: now.timeIntervalSince(state.phaseStart))
            // A line as wide as the terminal would leave the cursor on the next one.
            FileHandle.standardError.write(Data("\r\u{1B}[2K\(line.text(columns: columns - 1))".utf8))
        }
    }

    /// Removes the line, before something else is printed.
    func clear() {
        state.withLock { state in
            if state.isDrawn { FileHandle.standardError.write(Data("\r\u{1B}[2K".utf8)) }
            state.isDrawn = false
        }
    }

    /// Removes the line for good: the task is over.
    func finish() {
        clock?.cancel()
        state.withLock { $0.progress = nil }
        clear()
    }
}

/// The words of the line.
struct ProgressLine {
    let progress: Control.Progress
    let doneAtStart: Int
    /// Seconds of the phase.
    let elapsed: Double

    /// Phase, bar, counts, rate and time left; what does not fit is left out, from the least telling on.
    func text(columns: Int) -> String {
        let (done, total) = (progress.done, max(progress.done, progress.total))
        let isBytes = progress.unit == "bytes"
        let counts =
            isBytes
            ? "\(byteCount(done)) of \(byteCount(total))" : "\(grouped(done)) of \(grouped(total)) \(progress.unit)"
        var rest = progress.note.isEmpty ? [] : [progress.note]
        if done > doneAtStart, elapsed > 0.5 {
            let rate = Double(done - doneAtStart) / elapsed
            let left = Double(total - done) / rate
            rest.append((left < 60 ? "\(Int(left.rounded())) s" : duration(left)) + " left")
            rest.append(isBytes ? byteCount(Int(rate)) + "/s" : "\(threeDigits(rate)) \(progress.unit)/s")
        } else {
            rest.append("for " + duration(elapsed))
        }
        for (bar, parts) in [(24, 3), (12, 3), (12, 2), (12, 1), (0, 1), (0, 0)] {
            let line =
                progress.phase + (bar > 0 ? " \(Self.bar(done, total, width: bar)) " : ": ")
                + ([counts] + rest.prefix(parts)).joined(separator: ", ")
            if line.count <= columns { return line }
        }
        return String("\(progress.phase): \(total > 0 ? 100 * done / total : 0) %".prefix(max(0, columns)))
    }

    private static func bar(_ done: Int, _ total: Int, width: Int) -> String {
        let filled = total > 0 ? done * width / total : 0
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }
}
