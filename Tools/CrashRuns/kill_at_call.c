// Preloaded into embdb by Tools/torture: kills the process (as kill -9 does) at its Nth call that changes a regular file,
// so that the moments around a commit are met, which take a thousandth of the time of an ingest.
//
//   TORTURE_CALL=N         which call; 0: none, calls are only counted
//   TORTURE_HOW=before|after|half   half: a write of half of the bytes
//   TORTURE_LOG=FILE       the number of calls at the end, or the name of the call where the kill struck
//
// Only the process that embdb itself is counts: HDF5's child writes to a socket.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long wanted;
static enum { before, after, half } how;
static const char *log_path;

__attribute__((constructor)) static void start(void) {
    const char *call = getenv("TORTURE_CALL"), *text = getenv("TORTURE_HOW");
    wanted = call ? atol(call) : 0;
    how = text && strcmp(text, "after") == 0 ? after : text && strcmp(text, "half") == 0 ? half : before;
    log_path = getenv("TORTURE_LOG");
}

static void note(const char *text) {
    if (!log_path) return;
    long file = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) return;
    syscall(SYS_write, file, text, strlen(text));
    syscall(SYS_close, file);
}

__attribute__((destructor)) static void finish(void) {
    char text[32];
    long count = atomic_load(&calls);
    if (count == 0) return;  // a child, or nothing was written
    snprintf(text, sizeof text, "%ld", count);
    note(text);
}

// Whether this is the call where the kill is to strike.
static int is_due(int file) {
    struct stat status;
    if (file >= 0 && (file <= 2 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode))) return 0;
    return atomic_fetch_add(&calls, 1) + 1 == wanted;
}

static void strike(const char *name) {
    note(name);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define CALL(type, name, parameters, arguments, file, part)                           \
    type name parameters {                                                            \
        static type (*real) parameters;                                               \
        if (!real) real = (type (*) parameters)dlsym(RTLD_NEXT, #name);               \
        if (!is_due(file)) return real arguments;                                     \
        if (how == half) { part; }                                                    \
        if (how == after) real arguments;                                             \
        strike(#name);                                                                \
        errno = EIO;                                                                  \
        return -1;                                                                    \
    }

CALL(ssize_t, write, (int f, const void *b, size_t n), (f, b, n), f, real(f, b, n / 2))
CALL(ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), (f, b, n, o), f, real(f, b, n / 2, o))
CALL(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), (f, b, n, o), f, real(f, b, n / 2, o))
CALL(ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n), f, real(f, v, n / 2))
CALL(ssize_t, pwritev, (int f, const struct iovec *v, int n, off_t o), (f, v, n, o), f, real(f, v, n / 2, o))
CALL(ssize_t, pwritev64, (int f, const struct iovec *v, int n, off64_t o), (f, v, n, o), f, real(f, v, n / 2, o))
CALL(int, fsync, (int f), (f), f, (void)0)
CALL(int, fdatasync, (int f), (f), f, (void)0)
CALL(int, ftruncate, (int f, off_t n), (f, n), f, (void)0)
CALL(int, ftruncate64, (int f, off64_t n), (f, n), f, (void)0)
CALL(int, fallocate, (int f, int m, off_t o, off_t n), (f, m, o, n), f, (void)0)
CALL(int, fallocate64, (int f, int m, off64_t o, off64_t n), (f, m, o, n), f, (void)0)
CALL(ssize_t, copy_file_range, (int i, off64_t *io, int f, off64_t *o, size_t n, unsigned g), (i, io, f, o, n, g), f,
     real(i, io, f, o, n / 2, g))
CALL(int, rename, (const char *a, const char *b), (a, b), -1, (void)0)
CALL(int, renameat2, (int c, const char *a, int d, const char *b, unsigned g), (c, a, d, b, g), -1, (void)0)
CALL(int, link, (const char *a, const char *b), (a, b), -1, (void)0)
CALL(int, unlink, (const char *a), (a), -1, (void)0)
CALL(int, msync, (void *a, size_t n, int g), (a, n, g), -1, (void)0)
