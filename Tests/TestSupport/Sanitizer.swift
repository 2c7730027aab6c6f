import Foundation

/// Whether the tests were built with a sanitizer, which has needs of its own: see `Tools/sanitize`.
public enum Sanitizer {
    /// The address sanitizer.
    public static let isAddress = has("__asan_init")
    /// The thread sanitizer.
    public static let isThread = has("__tsan_init")

    private static func has(_ symbol: String) -> Bool { dlsym(nil, symbol) != nil }
}
