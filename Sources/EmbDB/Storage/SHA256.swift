internal import CCrypto
internal import Foundation

/// SHA-256 (FIPS 180-4) of bytes that come in pieces, by the system's OpenSSL.
struct SHA256: ~Copyable {
    private let context: OpaquePointer?

    init() {
        context = EVP_MD_CTX_new()
        EVP_DigestInit_ex(context, EVP_sha256(), nil)
    }

    deinit { EVP_MD_CTX_free(context) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

    /// A text and a zero byte behind it, so that two texts cannot run together.
    mutating func update(_ text: String) {
        var bytes = Array(text.utf8)
        bytes.append(0)
        bytes.withUnsafeBytes { update($0) }
    }

    mutating func update(_ values: [Float]) { values.withUnsafeBytes { update($0) } }

    /// 64 hexadecimal digits.
    consuming func finish() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &digest, nil)
        return digest.map { byte in
            let hex = String(byte, radix: 16)
            return byte < 16 ? "0" + hex : hex
        }.joined()
    }
}

extension SHA256 {
    /// Of one file's bytes; of several files, of their digests in this order.
    ///
    /// - Throws: ``EmbDBError/Code/input`` if one cannot be read.
    static func ofFiles(_ paths: [String], control: Control) throws(EmbDBError) -> String {
        if paths.count == 1 { return try ofFile(paths[0], control: control) }
        var hash = SHA256()
        for path in paths { hash.update(try ofFile(path, control: control)) }
        return hash.finish()
    }

    /// Of a file's bytes, read in pieces.
    ///
    /// - Throws: ``EmbDBError/Code/input`` if it cannot be read.
    static func ofFile(_ path: String, control: Control) throws(EmbDBError) -> String {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw EmbDBError(.input, "the file cannot be read (\(path)): check the path and its permissions")
        }
        var hash = SHA256()
        var (done, total) = (0, 0)
        do {
            total = Int(try handle.seekToEnd())
            try handle.seek(toOffset: 0)
            while let piece = try handle.read(upToCount: 1 << 22), !piece.isEmpty {
                piece.withUnsafeBytes { hash.update($0) }
                if control.isCancelled() { break }
                done += piece.count
                control.progress(.init(unit: "bytes", phase: "reading through", done: done, total: max(done, total)))
            }
            try handle.close()
        } catch {
            throw EmbDBError(.input, "reading failed (\(path)): \(error.localizedDescription)")
        }
        try control.checkCancelled("stopped")
        return hash.finish()
    }
}
