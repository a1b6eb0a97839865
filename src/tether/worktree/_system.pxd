"""System calls of the working copy's native modules, and the stat record both of them return.

A stat record is 48 bytes, little-endian: mode u32, flags u32 (0), size u64, mtime_ns i64, ctime_ns i64,
ino u64, dev u64.
"""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <dirent.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/stat.h>
    #include <unistd.h>

    #if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "records are copied as they lie in memory; the pure module serves big-endian machines"
    #endif

    #ifdef __APPLE__
    #define TETHER_MTIME st_mtimespec
    #define TETHER_CTIME st_ctimespec
    #else
    #define TETHER_MTIME st_mtim
    #define TETHER_CTIME st_ctim
    #endif

    typedef struct {
        uint32_t mode, flags;
        uint64_t size;
        int64_t mtime_ns, ctime_ns;
        uint64_t ino, dev;
    } tether_record;

    typedef char tether_record_is_48_bytes[sizeof(tether_record) == 48 ? 1 : -1];

    static inline void tether_record_from(const struct stat *found, tether_record *out)
    {
        out->mode = (uint32_t)found->st_mode;
        out->flags = 0;
        out->size = (uint64_t)found->st_size;
        out->mtime_ns = (int64_t)found->TETHER_MTIME.tv_sec * 1000000000 + found->TETHER_MTIME.tv_nsec;
        out->ctime_ns = (int64_t)found->TETHER_CTIME.tv_sec * 1000000000 + found->TETHER_CTIME.tv_nsec;
        out->ino = (uint64_t)found->st_ino;
        out->dev = (uint64_t)found->st_dev;
    }

    static inline int tether_stat_at(int directory, const char *name, tether_record *out)
    {
        struct stat found;
        if (fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
            return errno;
        tether_record_from(&found, out);
        return 0;
    }

    static inline int tether_stat_fd(int fd, tether_record *out)
    {
        struct stat found;
        if (fstat(fd, &found) != 0)
            return errno;
        tether_record_from(&found, out);
        return 0;
    }

    static inline int tether_is_regular(const tether_record *record) { return S_ISREG(record->mode); }

    static inline int tether_open_at(int directory, const char *name, int flags, int mode)
    {
        int fd;
        do
            fd = openat(directory, name, flags | O_CLOEXEC, mode);
        while (fd < 0 && errno == EINTR);
        return fd;
    }

    static inline int tether_syncfs(int fd)
    {
    #ifdef __linux__
        return syncfs(fd) == 0 ? 0 : errno;
    #else
        sync();
        return 0;
    #endif
    }

    static inline void tether_start_writing(int fd)
    {
    #ifdef __linux__
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    #else
        (void)fd;
    #endif
    }
    """
    ctypedef struct tether_record:
        uint32_t mode
        uint64_t size

    ctypedef struct DIR:
        pass

    struct dirent:
        char *d_name

    int tether_stat_at(int directory, const char *name, tether_record *out) noexcept nogil
    int tether_stat_fd(int fd, tether_record *out) noexcept nogil
    int tether_is_regular(const tether_record *record) noexcept nogil
    int tether_open_at(int directory, const char *name, int flags, int mode) noexcept nogil
    int tether_syncfs(int fd) noexcept nogil
    void tether_start_writing(int fd) noexcept nogil
    DIR *fdopendir(int fd) noexcept nogil
    dirent *readdir(DIR *handle) noexcept nogil
    int closedir(DIR *handle) noexcept nogil
    ssize_t read(int fd, void *target, size_t size) noexcept nogil
    ssize_t write(int fd, const void *source, size_t size) noexcept nogil
    int close(int fd) noexcept nogil
    int unlinkat(int directory, const char *name, int flags) noexcept nogil
    int renameat(int old_directory, const char *old, int new_directory, const char *new) noexcept nogil
    int getpid() noexcept nogil
    int snprintf(char *target, size_t size, const char *form, ...) noexcept nogil
    int O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY
    int EINTR, EINVAL, ELOOP, ENOENT, ENOMEM, ENXIO, EEXIST, EIO, ESTALE


cdef inline object os_error(int number):
    """Return the exception for an errno."""
    import os

    return OSError(number, os.strerror(number))
