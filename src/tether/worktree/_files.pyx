"""Native file operations of the working copy: a batch of system calls without the interpreter lock.

Each function here has a twin of the same name, arguments and results in `files_pure`; `files` chooses.
A stat record is 48 bytes, little-endian: mode u32, flags u32 (0), size u64, mtime_ns i64, ctime_ns i64,
ino u64, dev u64.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc cimport errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memchr, memcmp, memcpy, memset, strcmp, strlen

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

cdef uint64_t LARGEST_SIZE = (<uint64_t>1 << 63) - 1

cdef enum:
    # The most that Linux reads or writes in one call is a little under 2 GiB.
    LARGEST_CALL = 1 << 30
    TEMPORARY_ROOM = 64
    TEMPORARY_TRIES = 1000


# ---------------------------------------------------------------- listing a directory


cdef struct Item:
    uint64_t key
    const char *name
    size_t offset
    uint32_t length
    uint32_t record


cdef struct Listing:
    char *names
    size_t names_used
    size_t names_room
    Item *items
    tether_record *records
    size_t count
    size_t room


cdef int make_room(Listing *listing, size_t name_bytes) noexcept nogil:
    """Make room for one more entry; growth by doubling keeps the copies linear."""
    cdef void *grown
    if listing.names_used + name_bytes > listing.names_room:
        listing.names_room = 2 * listing.names_room + name_bytes + 4096
        grown = realloc(listing.names, listing.names_room)
        if grown == NULL:
            return ENOMEM
        listing.names = <char *>grown
    if listing.count == listing.room:
        listing.room = 2 * listing.room + 64
        grown = realloc(listing.items, listing.room * sizeof(Item))
        if grown == NULL:
            return ENOMEM
        listing.items = <Item *>grown
        grown = realloc(listing.records, listing.room * sizeof(tether_record))
        if grown == NULL:
            return ENOMEM
        listing.records = <tether_record *>grown
    return 0


cdef int add_entry(Listing *listing, int directory, const char *name) noexcept nogil:
    cdef size_t length = strlen(name)
    cdef int failed = make_room(listing, length + 1)
    if failed:
        return failed
    failed = tether_stat_at(directory, name, &listing.records[listing.count])
    if failed:
        return 0 if failed == ENOENT else failed
    memcpy(listing.names + listing.names_used, name, length + 1)
    listing.items[listing.count].offset = listing.names_used
    listing.items[listing.count].length = <uint32_t>length
    listing.items[listing.count].record = <uint32_t>listing.count
    listing.names_used += length + 1
    listing.count += 1
    return 0


cdef int list_entries(int dirfd, Listing *listing) noexcept nogil:
    # A handle of our own: the caller's may be shared, and its position with it.
    cdef int own = tether_open_at(dirfd, ".", O_RDONLY | O_DIRECTORY, 0)
    cdef DIR *handle
    cdef dirent *entry
    cdef int failed = 0
    if own < 0:
        return errno.errno
    handle = fdopendir(own)
    if handle == NULL:
        failed = errno.errno
        close(own)
        return failed
    while not failed:
        errno.errno = 0
        entry = readdir(handle)
        if entry == NULL:
            failed = errno.errno
            break
        if strcmp(entry.d_name, ".") != 0 and strcmp(entry.d_name, "..") != 0:
            failed = add_entry(listing, own, entry.d_name)
    closedir(handle)
    return failed


cdef size_t shared_prefix(const Listing *listing) noexcept nogil:
    """Return how many first bytes all the names have in common."""
    cdef const char *first = listing.items[0].name
    cdef size_t length = listing.items[0].length
    cdef size_t i, k
    for i in range(1, listing.count):
        k = 0
        while k < length and first[k] == listing.items[i].name[k]:
            k += 1
        length = k
    return length


cdef int compare_items(const void *left, const void *right) noexcept nogil:
    cdef const Item *a = <const Item *>left
    cdef const Item *b = <const Item *>right
    if a.key != b.key:
        return -1 if a.key < b.key else 1
    cdef int order = memcmp(a.name, b.name, min(a.length, b.length))
    if order:
        return order
    return -1 if a.length < b.length else <int>(a.length > b.length)


cdef void sort_items(Listing *listing) noexcept nogil:
    """Sort by name; the eight bytes behind the shared prefix decide most comparisons in cache."""
    cdef size_t i, k, prefix
    cdef uint64_t key
    cdef Item *item
    if listing.count == 0:
        return
    for i in range(listing.count):
        listing.items[i].name = listing.names + listing.items[i].offset
    prefix = shared_prefix(listing)
    for i in range(listing.count):
        item = &listing.items[i]
        key = 0
        for k in range(prefix, prefix + 8):
            key = (key << 8) | (<unsigned char>item.name[k] if k < item.length else 0)
        item.key = key
    qsort(listing.items, listing.count, sizeof(Item), compare_items)


cdef void gather(const Listing *listing, char *names, char *stats) noexcept nogil:
    cdef size_t i
    cdef const Item *item
    for i in range(listing.count):
        item = &listing.items[i]
        memcpy(names, item.name, item.length)
        names += item.length
        if i + 1 < listing.count:
            names[0] = 0
            names += 1
        memcpy(stats + i * sizeof(tether_record), &listing.records[item.record], sizeof(tether_record))


def scan_directory(int dirfd):
    """List a directory with the stat record of every entry; see `files.scan_directory`."""
    cdef Listing listing
    cdef int failed
    cdef bytes names, stats
    cdef char *names_out
    cdef char *stats_out
    memset(&listing, 0, sizeof(listing))
    try:
        with nogil:
            failed = list_entries(dirfd, &listing)
            if not failed:
                sort_items(&listing)
        if failed:
            raise _os_error(failed)
        names = PyBytes_FromStringAndSize(NULL, listing.names_used - 1 if listing.count else 0)
        stats = PyBytes_FromStringAndSize(NULL, listing.count * sizeof(tether_record))
        names_out = PyBytes_AS_STRING(names)
        stats_out = PyBytes_AS_STRING(stats)
        with nogil:
            gather(&listing, names_out, stats_out)
        return names, stats, listing.count
    finally:
        free(listing.names)
        free(listing.items)
        free(listing.records)


# ---------------------------------------------------------------- reading and writing in batches


cdef struct Job:
    const char *name
    char *data
    size_t size
    int mode
    bint replace
    int failed
    tether_record record


cdef object _os_error(int number):
    import os

    return OSError(number, os.strerror(number))


cdef bint is_plain_name(const char *name, size_t length) noexcept nogil:
    """Say whether `name` names an entry of the directory itself and nothing elsewhere."""
    if length == 0 or memchr(name, 0, length) != NULL or memchr(name, c"/", length) != NULL:
        return False
    return strcmp(name, ".") != 0 and strcmp(name, "..") != 0


cdef Job *new_jobs(list names) except NULL:
    cdef size_t count = len(names)
    cdef Job *jobs = <Job *>malloc((count + 1) * sizeof(Job))
    cdef size_t i
    cdef bytes name
    if jobs == NULL:
        raise MemoryError
    memset(jobs, 0, (count + 1) * sizeof(Job))
    try:
        for i in range(count):
            name = <bytes?>names[i]
            jobs[i].name = PyBytes_AS_STRING(name)
            if not is_plain_name(jobs[i].name, PyBytes_GET_SIZE(name)):
                jobs[i].failed = EINVAL
    except BaseException:
        free(jobs)
        raise
    return jobs


cdef int read_exactly(int fd, char *target, size_t size) noexcept nogil:
    cdef size_t done = 0
    cdef ssize_t got
    while done < size:
        got = read(fd, target + done, min(size - done, <size_t>LARGEST_CALL))
        if got > 0:
            done += got
        elif got == 0:
            return ESTALE
        elif errno.errno != EINTR:
            return errno.errno
    return 0


cdef int read_open(int fd, Job *job) noexcept nogil:
    cdef tether_record before
    cdef int failed = tether_stat_fd(fd, &before)
    if failed:
        return failed
    if not tether_is_regular(&before) or before.size != job.size:
        return ESTALE
    failed = read_exactly(fd, job.data, job.size)
    if failed:
        return failed
    failed = tether_stat_fd(fd, &job.record)
    if not failed and memcmp(&before, &job.record, sizeof(tether_record)) != 0:
        failed = ESTALE
    return failed


cdef void read_one(int dirfd, Job *job) noexcept nogil:
    cdef int fd = tether_open_at(dirfd, job.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
    if fd < 0:
        # A symbolic link and a socket do not open: no regular files either.
        job.failed = ESTALE if errno.errno == ELOOP or errno.errno == ENXIO else errno.errno
        return
    job.failed = read_open(fd, job)
    close(fd)


def read_files(int dirfd, names, sizes):
    """Read whole files of one directory; see `files.read_files`."""
    cdef list wanted = list(names)
    cdef const unsigned char[::1] column = memoryview(sizes).cast("B")
    cdef size_t count = len(wanted)
    cdef size_t i
    cdef uint64_t size
    cdef list results = [None] * count
    cdef bytes data
    cdef Job *jobs
    if <size_t>column.shape[0] != 8 * count:
        raise ValueError("one size for each name")
    jobs = new_jobs(wanted)
    try:
        for i in range(count):
            memcpy(&size, &column[8 * i], 8)
            if size > <uint64_t>LARGEST_SIZE:
                raise MemoryError
            data = PyBytes_FromStringAndSize(NULL, size)
            results[i] = data
            jobs[i].data = PyBytes_AS_STRING(data)
            jobs[i].size = size
        with nogil:
            for i in range(count):
                if not jobs[i].failed:
                    read_one(dirfd, &jobs[i])
        for i in range(count):
            results[i] = -jobs[i].failed if jobs[i].failed else (results[i], _record(&jobs[i].record))
        return results
    finally:
        free(jobs)


cdef bytes _record(const tether_record *record):
    return PyBytes_FromStringAndSize(<const char *>record, sizeof(tether_record))


cdef int write_all(int fd, const char *source, size_t size) noexcept nogil:
    cdef ssize_t done
    while size:
        done = write(fd, source, min(size, <size_t>LARGEST_CALL))
        if done > 0:
            source += done
            size -= done
        elif done == 0:
            return EIO
        elif errno.errno != EINTR:
            return errno.errno
    return 0


cdef int open_new(int dirfd, const char *name, int mode) noexcept nogil:
    return tether_open_at(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)


cdef int open_temporary(int dirfd, char *name, int mode) noexcept nogil:
    """Create a file under a name that nobody has, write the name to `name`, return the descriptor."""
    cdef int number, fd
    for number in range(TEMPORARY_TRIES):
        snprintf(name, TEMPORARY_ROOM, ".tether-tmp-%d-%d", getpid(), number)
        fd = open_new(dirfd, name, mode)
        if fd >= 0 or errno.errno != EEXIST:
            return fd
    return -1


cdef void write_one(int dirfd, Job *job) noexcept nogil:
    cdef char temporary[TEMPORARY_ROOM]
    cdef const char *written = job.name
    cdef int fd
    if job.replace:
        fd = open_temporary(dirfd, temporary, job.mode)
        written = temporary
    else:
        fd = open_new(dirfd, written, job.mode)
    if fd < 0:
        job.failed = errno.errno
        return
    job.failed = write_all(fd, job.data, job.size)
    if not job.failed and job.replace:
        if renameat(dirfd, temporary, dirfd, job.name) == 0:
            written = job.name
        else:
            job.failed = errno.errno
    if not job.failed:
        # After the rename, which moves the change time on.
        job.failed = tether_stat_fd(fd, &job.record)
    if close(fd) != 0 and errno.errno != EINTR and not job.failed:
        job.failed = errno.errno
    if job.failed:
        unlinkat(dirfd, written, 0)
        memset(&job.record, 0, sizeof(tether_record))


def write_files(int dirfd, names, contents, modes, replace):
    """Write whole files into one directory; see `files.write_files`."""
    cdef list wanted = list(names)
    cdef list held = list(contents)
    cdef size_t count = len(wanted)
    cdef size_t i
    cdef bytes data, stats
    cdef char *out
    cdef Job *jobs
    if not (len(held) == len(modes) == len(replace) == count):
        raise ValueError("one content, mode and replace mark for each name")
    stats = PyBytes_FromStringAndSize(NULL, count * sizeof(tether_record))
    out = PyBytes_AS_STRING(stats)
    jobs = new_jobs(wanted)
    try:
        for i in range(count):
            data = <bytes?>held[i]
            jobs[i].data = PyBytes_AS_STRING(data)
            jobs[i].size = PyBytes_GET_SIZE(data)
            jobs[i].mode = modes[i]
            jobs[i].replace = bool(replace[i])
        with nogil:
            for i in range(count):
                if not jobs[i].failed:
                    write_one(dirfd, &jobs[i])
                memcpy(out + i * sizeof(tether_record), &jobs[i].record, sizeof(tether_record))
        return [jobs[i].failed for i in range(count)], stats
    finally:
        free(jobs)


def syncfs(int fd):
    """Make the file system of `fd` durable; see `files.syncfs`."""
    cdef int failed
    with nogil:
        failed = tether_syncfs(fd)
    if failed:
        raise _os_error(failed)
