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

static inline hid_t chdf5_dataset_access_properties(void) { return H5Pcreate(H5P_DATASET_ACCESS); }

// glibc 2.34; <spawn.h> shows it only where _DEFAULT_SOURCE is defined, which Swift does not do.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
