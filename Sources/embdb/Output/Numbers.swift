internal import Foundation

// How people read numbers. Programs get them raw.

/// `value` with so many decimals; what rounds to nothing has no sign.
func decimal(_ value: Double, _ places: Int) -> String {
    let text = String(format: "%.\(places)f", value)
    return text.hasPrefix("-") && text.dropFirst().allSatisfy { $0 == "0" || $0 == "." }
        ? String(text.dropFirst()) : text
}

/// The double with the float's own shortest decimal: 0.1 stays 0.1.
func shortest(_ value: Float) -> Double { Double(value.description) ?? Double(value) }

/// 1234567 as "1,234,567".
func grouped(_ value: Int) -> String {
    var text = ""
    let digits = String(value.magnitude)
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return value < 0 ? "-" + text : text
}

/// "1 cell", "1,000 cells".
func counted(_ count: Int, _ noun: String) -> String { "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")" }

/// A number ≥ 0 with about three digits: "0.0314", "20.4", "1,235".
func threeDigits(_ value: Double) -> String {
    guard value.isFinite else { return "?" }
    if value >= 100 { return value < 1e15 ? grouped(Int(value.rounded())) : String(format: "%.3g", value) }
    return String(format: "%.3g", value)
}

/// Bytes as people read them, 1 MB = 1,000,000 bytes.
func byteCount(_ bytes: Int) -> String {
    let units = ["kB", "MB", "GB", "TB"]
    var value = Double(bytes) / 1000
    if value < 1 { return "\(bytes) B" }
    var unit = 0
    while value >= 999.95, unit < units.count - 1 {
        value /= 1000
        unit += 1
    }
    return "\(decimal(value, 1)) \(units[unit])"
}

/// Seconds as people read them: "0.31 s", "49.2 s", "3 min 12 s", "2 h 5 min".
func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    if seconds < 0.0995 { return "\(decimal(seconds * 1000, 1)) ms" }
    if seconds < 9.95 { return "\(decimal(seconds, seconds < 1 ? 2 : 1)) s" }
    if seconds < 59.95 { return "\(decimal(seconds, 1)) s" }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    if whole < 48 * 3600 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
    return "\(whole / 86400) d \(whole % 86400 / 3600) h"
}
