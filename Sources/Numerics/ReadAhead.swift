internal import Dispatch
internal import Synchronization

/// Makes elements one ahead of who asks for them, in the background: while one is worked on, the next is made.
///
/// Used by one thread. The elements come in the order in which they are made, and so does the error that ends them.
package final class ReadAhead<State: Sendable, Element: Sendable>: Sendable {
    private let state: Mutex<State>
    private let made = Mutex<Result<Element?, any Error>?>(nil)
    private let isMade = DispatchSemaphore(value: 0)
    private let queue = DispatchQueue(label: "embdb.read-ahead", qos: .userInitiated)
    private let make: @Sendable (inout State) throws -> Element?

    /// Begins with the first element at once.
    ///
    /// - Parameter make: makes the next element; nil behind the last. It is called by one thread at a time.
    package init(_ state: State, _ make: @escaping @Sendable (inout State) throws -> Element?) {
        self.state = Mutex(state)
        self.make = make
        begin()
    }

    private func begin() {
        queue.async { [self] in
            let result = Result { try state.withLock { try make(&$0) } }
            made.withLock { $0 = result }
            isMade.signal()
        }
    }

    /// The next element; nil behind the last one, and after an error.
    package func next() throws -> Element? {
        isMade.wait()
        do {
            if let element = try made.withLock({ $0.take() })?.get() {
                begin()
                return element
            }
        } catch {
            isMade.signal()
            throw error
        }
        isMade.signal()
        return nil
    }
}
