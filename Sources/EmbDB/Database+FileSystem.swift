internal import LMDBStore

extension Database {
    /// Why a database at `path` is not safe where several machines use it; nil on the disks of this machine.
    ///
    /// On a network file system the locks hold between the processes of one machine alone, and maps of files may be out
    /// of date.
    public static func fileSystemWarning(_ path: String) -> String? {
        NetworkFileSystem.name(at: path).map { name in
            "the database lies on a network file system (\(name), \(path)): use it from one machine at a time, or copy it "
                + "to a local disk, where it is faster as well"
        }
    }
}
