"""Native work on the names of a tree node; `rownames_pure` is the twin."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr, memcmp

cdef uint32_t[256] TABLE
cdef uint32_t value
cdef int number, bit
for number in range(256):  # CRC-32 of ISO 3309, lowest bit first, as in zlib
    value = number
    for bit in range(8):
        value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
    TABLE[number] = value

cdef uint64_t MULTIPLIER = 0x9E3779B97F4A7C15
cdef int SHIFT = 55

SLASH = "a name with a slash or a NUL"
EMPTY = "an empty name, `.` or `..`"
UNSORTED = "names that are not sorted or not unique"


cdef bint ends_node(const char *name, Py_ssize_t length, uint32_t level) noexcept nogil:
    """Say whether a node of `level` ends after a name."""
    cdef uint32_t crc = ~level
    cdef Py_ssize_t at
    for at in range(length):
        crc = TABLE[(crc ^ <unsigned char>name[at]) & 0xFF] ^ (crc >> 8)
    return (<uint64_t>(~crc) * MULTIPLIER) >> SHIFT == 0


def cut_names(const unsigned short[::1] lengths not None, bytes joined not None):
    """Return names that lie one after the other; see `rownames_pure.cut_names`."""
    cdef const char *text = PyBytes_AS_STRING(joined)
    cdef Py_ssize_t at, start = 0, count = lengths.shape[0]
    for at in range(count):
        start += lengths[at]
    if start != PyBytes_GET_SIZE(joined):
        raise ValueError("names of another length")
    names = []
    start = 0
    for at in range(count):
        names.append(PyBytes_FromStringAndSize(text + start, lengths[at]))
        start += lengths[at]
    return names


def problem_of(names not None, Py_ssize_t longest):
    """Say what is wrong with the names of a node, or None; see `rownames_pure.problem_of`."""
    cdef const char *before = NULL
    cdef const char *name
    cdef Py_ssize_t length, shorter, previous = 0
    cdef int order
    cdef bint empty = False, long_one = False, unsorted = False
    cdef bytes each, last = b""  # `before` points into it
    for each in names:
        if each is None:
            raise TypeError("a name is no bytes")
        name, length = PyBytes_AS_STRING(each), PyBytes_GET_SIZE(each)
        if memchr(name, 47, length) != NULL or memchr(name, 0, length) != NULL:
            return SLASH
        if length == 0 or (name[0] == 46 and (length == 1 or (length == 2 and name[1] == 46))):
            empty = True
        if length > longest:
            long_one = True
        if before != NULL:
            shorter = length if length < previous else previous
            order = memcmp(before, name, shorter)
            if order > 0 or (order == 0 and previous >= length):
                unsorted = True
        before, previous, last = name, length, each
    if empty:
        return EMPTY
    if long_one:
        return f"a name longer than {longest} bytes"
    return UNSORTED if unsorted else None


def goes_on_after_cut(names not None, uint32_t level):
    """Say whether a name before the last one must end a node; see `rownames_pure.goes_on_after_cut`."""
    cdef bytes each
    cdef Py_ssize_t left = len(names) - 1
    for each in names:
        if left <= 0:
            return False
        if each is None:
            raise TypeError("a name is no bytes")
        left -= 1
        if ends_node(PyBytes_AS_STRING(each), PyBytes_GET_SIZE(each), level):
            return True
    return False
