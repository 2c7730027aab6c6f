#include <lmdb.h>
// statfs(2), which Swift's Glibc leaves out.
#include <sys/vfs.h>
