"""Native reading and writing of the working copy's files, a batch of system calls at a time.

The interpreter lock is released while a batch is done.
Each function here has a twin of the same name, arguments and results in `files_pure`; `files` chooses.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc cimport errno
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset, strcmp

from tether.worktree._system cimport (
    EEXIST, EINTR, EINVAL, EIO, ELOOP, ENXIO, ESTALE, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY,
    O_WRONLY, close, getpid, os_error, read, renameat, snprintf, tether_is_regular, tether_open_at, tether_record,
    tether_start_writing, tether_stat_fd,
    tether_syncfs, unlinkat, write,
)

cdef uint64_t LARGEST_SIZE = (<uint64_t>1 << 63) - 1

cdef enum:
    # The most that Linux reads or writes in one call is a little under 2 GiB.
    LARGEST_CALL = 1 << 30
    TEMPORARY_ROOM = 64
    TEMPORARY_TRIES = 1000


cdef struct Job:
    const char *name
    char *data
    size_t size
    int mode
    bint replace
    int failed
    tether_record record


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
    cdef size_t i, open_views = 0
    cdef bytes stats
    cdef char *out
    cdef Job *jobs
    cdef Py_buffer *views
    if not (len(held) == len(modes) == len(replace) == count):
        raise ValueError("one content, mode and replace mark for each name")
    stats = PyBytes_FromStringAndSize(NULL, count * sizeof(tether_record))
    out = PyBytes_AS_STRING(stats)
    jobs = new_jobs(wanted)
    views = <Py_buffer *>malloc((count + 1) * sizeof(Py_buffer))
    try:
        if views == NULL:
            raise MemoryError
        for i in range(count):
            PyObject_GetBuffer(held[i], &views[i], PyBUF_SIMPLE)
            open_views = i + 1
            jobs[i].data = <char *>views[i].buf
            jobs[i].size = views[i].len
            jobs[i].mode = modes[i]
            jobs[i].replace = bool(replace[i])
        with nogil:
            for i in range(count):
                if not jobs[i].failed:
                    write_one(dirfd, &jobs[i])
                memcpy(out + i * sizeof(tether_record), &jobs[i].record, sizeof(tether_record))
        return [jobs[i].failed for i in range(count)], stats
    finally:
        for i in range(open_views):
            PyBuffer_Release(&views[i])
        free(views)
        free(jobs)


def syncfs(int fd):
    """Make the file system of `fd` durable; see `files.syncfs`."""
    cdef int failed
    with nogil:
        failed = tether_syncfs(fd)
    if failed:
        raise os_error(failed)


def start_writing(int fd):
    """Have the disk begin with the file `fd`; see `files.start_writing`."""
    with nogil:
        tether_start_writing(fd)
