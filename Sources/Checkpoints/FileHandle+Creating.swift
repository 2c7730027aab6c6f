package import Foundation

extension FileHandle {
    /// A file to write and to read, empty; nil, with `errno`, if there cannot be one. Made under its name at once:
    /// `FileManager.createFile` makes one of another name first, which a killed process leaves behind.
    package convenience init?(creatingAtPath path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { return nil }
        self.init(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
