"""Native listing of a directory of the working copy, with the stat record of every entry.

The function here has a twin of the same name, arguments and results in `files_pure`; `files` chooses.
The interpreter lock is released for the whole of it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc cimport errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memcmp, memcpy, memset, strcmp, strlen

from tether.worktree._system cimport (
    DIR, ENOENT, ENOMEM, O_DIRECTORY, O_RDONLY, close, closedir, dirent, fdopendir, os_error, readdir,
    tether_open_at, tether_record, tether_stat_at,
)


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
            raise os_error(failed)
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
