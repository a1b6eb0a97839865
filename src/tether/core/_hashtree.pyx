"""Native values of the tree that BLAKE3 makes of a content; see `hashtree_pure` for the rules.

Without the interpreter lock, and as fast as the machine's vectors go.
"""

from array import array

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "hashtree.h" nogil:
    enum:
        LEAF
        VALUE
    ctypedef struct lanes:
        pass
    ctypedef void (*kernel)(const lanes *) noexcept nogil
    kernel find_kernel(const char *name)
    size_t leaves_of(size_t size)
    size_t merge_once(kernel hash, const uint8_t *values, size_t count, uint8_t *target)
    void values_of "group_values"(
        kernel hash, const uint8_t *data, size_t size, size_t group, uint64_t counter, uint8_t *room,
        uint8_t *other, uint8_t *values
    )
    void top_value "root_value"(kernel hash, uint8_t *room, uint8_t *other, size_t count, uint8_t *value)
    void digests_of "content_digests"(
        kernel hash, const uint8_t *data, const uint64_t *sizes, size_t contents, uint8_t *room, uint8_t *other,
        uint64_t *counts, uint8_t *digests
    )

cdef kernel HASH = find_kernel(b"")
cdef size_t TOGETHER = 256 << 10


def use(str name not None):
    """Take the kernel of a name from now on, or the best one if it is empty: for tests."""
    global HASH
    cdef kernel found = find_kernel(name.encode())
    if found == NULL:
        return False
    HASH = found
    return True


cdef uint8_t *_room(size_t count) except NULL:
    cdef uint8_t *room = <uint8_t *>malloc(count * VALUE)
    if room == NULL:
        raise MemoryError
    return room


cdef size_t _count(const uint8_t[::1] values, size_t least) except 0:
    cdef size_t count = values.shape[0] // VALUE
    if values.shape[0] % VALUE or count < least:
        raise ValueError("values of 32 bytes each")
    return count


def group_values(const uint8_t[::1] data not None, uint64_t offset, size_t group):
    """Return the value of each group; see `hashtree_pure.group_values`."""
    cdef size_t size = data.shape[0]
    cdef size_t count, at, length, part, some
    cdef const uint8_t *source
    cdef uint8_t *room
    cdef uint8_t *other
    cdef uint8_t *target
    if group < LEAF or group & (group - 1) or group > <size_t>1 << 40 or offset % group or size == 0:
        raise ValueError("groups are powers of two, and begin where one begins")
    count = (size + group - 1) // group
    result = PyBytes_FromStringAndSize(NULL, count * VALUE)
    target = <uint8_t *>PyBytes_AS_STRING(result)
    source = &data[0]
    some = max(group, TOGETHER)  # small groups together fill more lanes
    room = _room(2 * leaves_of(some if some < size else size))
    other = room + leaves_of(some if some < size else size) * VALUE
    with nogil:
        for part in range((size + some - 1) // some):
            at = part * some
            length = size - at
            if length > some:
                length = some
            values_of(
                HASH, source + at, length, group, (offset + at) // LEAF, room, other, target + at // group * VALUE
            )
    free(room)
    return result


def content_digests(const uint8_t[::1] data not None, list lengths not None):
    """Return the digests of contents that lie one after the other; see `hashtree_pure.content_digests`."""
    cdef size_t total = data.shape[0]
    cdef size_t count = len(lengths)
    cdef size_t i, size, at = 0, leaves = 0
    cdef uint8_t *room
    cdef uint8_t *target
    cdef const uint8_t *source = &data[0] if total else NULL
    cdef uint64_t[::1] sizes = array("Q", lengths)
    cdef uint64_t[::1] counts = array("Q", lengths)
    for i in range(count):
        size = sizes[i]
        if size > total - at:
            raise ValueError("lengths that add up to those of the data")
        at += size
        leaves += leaves_of(size)
    if at != total:
        raise ValueError("lengths that add up to those of the data")
    result = PyBytes_FromStringAndSize(NULL, count * VALUE)
    if not count:
        return result
    target = <uint8_t *>PyBytes_AS_STRING(result)
    room = _room(2 * leaves)
    with nogil:
        digests_of(HASH, source, &sizes[0], count, room, room + leaves * VALUE, &counts[0], target)
    free(room)
    return result


def merge_values(const uint8_t[::1] values not None):
    """Return the values of groups twice as large; see `hashtree_pure.merge_values`."""
    cdef size_t count = _count(values, 2)
    result = PyBytes_FromStringAndSize(NULL, (count + 1) // 2 * VALUE)
    cdef uint8_t *target = <uint8_t *>PyBytes_AS_STRING(result)
    with nogil:
        merge_once(HASH, &values[0], count, target)
    return result


def root_value(const uint8_t[::1] values not None):
    """Return the digest of the whole; see `hashtree_pure.root_value`."""
    cdef size_t count = _count(values, 2)
    cdef uint8_t[32] value
    cdef uint8_t *room = _room(2 * count)
    memcpy(room, &values[0], count * VALUE)
    with nogil:
        top_value(HASH, room, room + count * VALUE, count, value)
    free(room)
    return PyBytes_FromStringAndSize(<char *>value, VALUE)
