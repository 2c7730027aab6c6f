/// What `embdb --version` prints.
enum Version {
    static let text = "embdb 0.1.0"
}
