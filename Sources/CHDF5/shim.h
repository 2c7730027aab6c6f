#include <hdf5.h>
#include <spawn.h>

// HDF5 names its native types by macros that call H5open() first; Swift imports no such macro.
enum chdf5_native_type {
    chdf5_float32, chdf5_float64,
    chdf5_int8, chdf5_int16, chdf5_int32, chdf5_int64,
    chdf5_uint8, chdf5_uint16, chdf5_uint32, chdf5_uint64
};

static inline hid_t chdf5_native(enum chdf5_native_type type) {
    switch (type) {
    case chdf5_float32: return H5T_NATIVE_FLOAT;
    case chdf5_float64: return H5T_NATIVE_DOUBLE;
    case chdf5_int8: return H5T_NATIVE_INT8;
    case chdf5_int16: return H5T_NATIVE_INT16;
    case chdf5_int32: return H5T_NATIVE_INT32;
    case chdf5_int64: return H5T_NATIVE_INT64;
    case chdf5_uint8: return H5T_NATIVE_UINT8;
    case chdf5_uint16: return H5T_NATIVE_UINT16;
    case chdf5_uint32: return H5T_NATIVE_UINT32;
    case chdf5_uint64: return H5T_NATIVE_UINT64;
    }
    return -1;
}

static inline hid_t chdf5_file_access_properties(void) { return H5Pcreate(H5P_FILE_ACCESS); }
static inline hid_t chdf5_dataset_access_properties(void) { return H5Pcreate(H5P_DATASET_ACCESS); }
static inline hid_t chdf5_dataset_creation_properties(void) { return H5Pcreate(H5P_DATASET_CREATE); }
static inline hid_t chdf5_group_creation_properties(void) { return H5Pcreate(H5P_GROUP_CREATE); }
static inline hid_t chdf5_link_creation_properties(void) { return H5Pcreate(H5P_LINK_CREATE); }

// The class of texts is a macro as well; -1 is H5T_VARIABLE.
static inline hid_t chdf5_variable_text(void) { return H5Tcreate(H5T_STRING, H5T_VARIABLE); }

// H5Literate and its callback's type are macros that differ between HDF5 1.10 and 1.12. Returns what `visit` does if
// that is not 0.
struct chdf5_visitor {
    int (*visit)(const char *name, void *context);
    void *context;
};

static inline herr_t chdf5_visit_link(hid_t group, const char *name, const H5L_info_t *info, void *visitor) {
    (void)group;
    (void)info;
    struct chdf5_visitor *v = (struct chdf5_visitor *)visitor;
    return v->visit(name, v->context);
}

static inline herr_t chdf5_each_link(hid_t group, struct chdf5_visitor visitor) {
    return H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, chdf5_visit_link, &visitor);
}

// A file of the driver ChunkFinder: HDF5's part first, then ours.
typedef struct {
    H5FD_t file;
    int descriptor;
    haddr_t end_of_addresses;
    haddr_t size;
    // While it is set, reading elements reads nothing, but leaves its address here.
    int is_finding;
    haddr_t found;
} chdf5_found_file;

// From HDF5 1.14 on a driver says by which version of the interface it was written.
static inline hid_t chdf5_register_driver(H5FD_class_t *driver) {
#ifdef H5FD_CLASS_VERSION
    driver->version = H5FD_CLASS_VERSION;
#endif
    return H5FDregister(driver);
}

// glibc 2.34; <spawn.h> shows it only where _DEFAULT_SOURCE is defined, which Swift does not do.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
