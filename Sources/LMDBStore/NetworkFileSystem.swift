internal import CLMDB
internal import Glibc

/// File systems that other machines share. LMDB's lock lies in memory that processes share, which those of two machines
/// do not; and a map of a file there may show what the file was a while ago.
package enum NetworkFileSystem {
    /// Magic numbers of Linux (statfs(2) and `linux/magic.h`; those of Lustre, GPFS, BeeGFS and PanFS from their sources).
    private static let names: [UInt32: String] = [
        0x6969: "NFS", 0x517B: "SMB", 0xFF53_4D42: "CIFS", 0xFE53_4D42: "SMB", 0x00C3_6400: "Ceph", 0x5346_414F: "AFS",
        0x6B41_4653: "AFS", 0x7375_7245: "Coda", 0x564C: "NCP", 0x0102_1997: "9P", 0x0BD0_0BD0: "Lustre",
        0x4750_4653: "GPFS", 0x1983_0326: "BeeGFS", 0xAAD7_AAEA: "PanFS", 0x0116_1970: "GFS2", 0x7461_636F: "OCFS2",
        // sshfs and its like; also a few local ones.
        0x6573_5546: "FUSE",
    ]

    /// The name of a file system that is or may be a network's, by its magic number; nil for others.
    package static func name(ofType type: UInt32) -> String? { names[type] }

    /// The name of the network file system that a file lies on, or would if it were made; nil for others, and where it
    /// cannot be told.
    package static func name(at path: String) -> String? {
        let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC
        var descriptor = open(path, flags)
        if descriptor < 0, errno == ENOENT { descriptor = open(DatabaseFile.folder(of: path), flags) }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = statfs()
        guard fstatfs(descriptor, &status) == 0 else { return nil }
        return name(ofType: UInt32(truncatingIfNeeded: status.f_type))
    }
}
