/// How wide a text will be. No font is at hand where a picture is made, so characters are taken as wide as in DejaVu
/// Sans, the widest of the fonts that "sans-serif" commonly stands for: there may be too much room, never too little.
enum TextWidth {
    /// The width of a text in pixels, at a font size in pixels.
    static func of(_ text: String, size: Double) -> Double {
        text.unicodeScalars.reduce(0) { $0 + width($1) } * size
    }

    /// The greatest width of the texts; 0 without any.
    static func greatest(of texts: some Sequence<String>, size: Double) -> Double {
        texts.reduce(0) { max($0, of($1, size: size)) }
    }

    /// The text, with an ellipsis in place of its middle where it is longer than so many characters: names of cell types
    /// often differ at their end.
    static func shortened(_ text: String, to length: Int) -> String {
        guard text.count > length else { return text }
        let end = (length - 1) / 2
        return text.prefix(length - 1 - end) + "…" + text.suffix(end)
    }

    /// In parts of the font size.
    private static func width(_ scalar: Unicode.Scalar) -> Double {
        switch scalar {
        case "i", "j", "l", "'": 0.28
        case "I", " ", ",", ".", ":", ";", "|", "!", "/", "\\", "-", "f", "t", "r", "(", ")", "[", "]", "\"": 0.42
        case "m", "M", "w", "W", "@", "%", "…": 1
        case "A"..."Z", "&", "_": 0.78
        case "+", "<", "=", ">", "~", "#", "±": 0.84
        case "\u{20}"..."\u{7E}": 0.64
        // Combining marks.
        case "\u{300}"..."\u{36F}": 0
        // From where scripts of wide characters begin.
        case "\u{1100}"...: 1.05
        default: 0.8
        }
    }
}
