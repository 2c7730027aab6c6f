internal import CHDF5
internal import Glibc

/// Finds where chunks lie in a file. HDF5 has a call for that from 1.10.5 on, which walks over all chunks before the one
/// that is asked for: a second for ten thousand of them, a minute for a hundred thousand. Reading a chunk as it is stored
/// takes the direct way, so the file is opened once more by a driver that reads nothing of chunks, but notes where they
/// would have been read (HDF5 Virtual File Layer, H5FD_class_t).
struct ChunkFinder {
    private let file: hid_t
    private let state: UnsafeMutablePointer<chdf5_found_file>
    private var datasets: [String: hid_t] = [:]

    /// nil where the file cannot be opened that way.
    init?(_ path: String) {
        var driver = H5FD_class_t()
        guard let name = strdup("embdb-chunks") else { return nil }
        // HDF5 keeps both pointers; it is done once a process.
        driver.name = UnsafePointer(name)
        driver.maxaddr = haddr_t(Int64.max)
        driver.fc_degree = H5F_CLOSE_WEAK
        driver.open = { name, _, _, _ in
            guard let name, let file = calloc(1, MemoryLayout<chdf5_found_file>.size) else { return nil }
            let state = file.assumingMemoryBound(to: chdf5_found_file.self)
            state.pointee.descriptor = Glibc.open(name, O_RDONLY | O_CLOEXEC)
            var info = stat()
            guard state.pointee.descriptor >= 0, fstat(state.pointee.descriptor, &info) == 0 else {
                Glibc.free(file)
                return nil
            }
            state.pointee.size = haddr_t(info.st_size)
            return file.assumingMemoryBound(to: H5FD_t.self)
        }
        driver.close = { file in
            Glibc.close(ChunkFinder.state(file)?.pointee.descriptor ?? -1)
            Glibc.free(file)
            return 0
        }
        driver.query = { _, flags in
            flags?.pointee = UInt(H5FD_FEAT_ACCUMULATE_METADATA_READ)
            return 0
        }
        driver.get_eoa = { file, _ in ChunkFinder.state(file)?.pointee.end_of_addresses ?? 0 }
        driver.set_eoa = { file, _, address in
            ChunkFinder.state(file)?.pointee.end_of_addresses = address
            return 0
        }
        driver.get_eof = { file, _ in ChunkFinder.state(file)?.pointee.size ?? 0 }
        driver.get_handle = { file, _, handle in
            handle?.pointee = UnsafeMutableRawPointer(file)
            return 0
        }
        driver.read = { file, type, _, address, size, buffer in
            guard let state = ChunkFinder.state(file), let offset = Int(exactly: address) else { return -1 }
            if state.pointee.is_finding != 0, type == H5FD_MEM_DRAW {
                state.pointee.found = address
                return 0
            }
            let target = UnsafeMutableRawBufferPointer(start: buffer, count: size)
            return readFully(state.pointee.descriptor, target, at: offset) ? 0 : -1
        }
        driver.write = { _, _, _, _, _, _ in -1 }
        let access = chdf5_file_access_properties()
        defer { H5Pclose(access) }
        let number = chdf5_register_driver(&driver)
        guard number >= 0, H5Pset_driver(access, number, nil) >= 0 else { return nil }
        file = H5Fopen(path, 0, access)
        var handle: UnsafeMutableRawPointer?
        guard file >= 0, H5Fget_vfd_handle(file, HDF5Library.defaults, &handle) >= 0, let handle else { return nil }
        state = handle.assumingMemoryBound(to: chdf5_found_file.self)
    }

    private static func state(_ file: UnsafePointer<H5FD_t>?) -> UnsafeMutablePointer<chdf5_found_file>? {
        UnsafeMutableRawPointer(mutating: file)?.assumingMemoryBound(to: chdf5_found_file.self)
    }

    /// Where the chunk that begins at the element `start` of a one-dimensional dataset lies; nil where there is none.
    mutating func find(_ path: String, start: Int) -> ChunkPlace? {
        let dataset: hid_t
        if let open = datasets[path] {
            dataset = open
        } else {
            dataset = H5Dopen2(file, path, HDF5Library.defaults)
            datasets[path] = dataset
        }
        var offset = hsize_t(start)
        var size: hsize_t = 0
        var mask: UInt32 = 0
        // Nothing is written to it.
        var nowhere: UInt8 = 0
        guard dataset >= 0, H5Dget_chunk_storage_size(dataset, &offset, &size) >= 0, size > 0 else { return nil }
        state.pointee.found = .max
        state.pointee.is_finding = 1
        defer { state.pointee.is_finding = 0 }
        guard H5Dread_chunk(dataset, HDF5Library.defaults, &offset, &mask, &nowhere) >= 0,
            let place = Int(exactly: state.pointee.found), let size = Int(exactly: size)
        else { return nil }
        return ChunkPlace(offset: place, size: size, filterMask: mask)
    }
}
