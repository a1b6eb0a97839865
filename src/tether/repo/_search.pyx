"""Native search for digests in the sorted columns of a pack index; `search_pure` is the twin."""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

cdef enum:
    DIGEST = 32


cdef unsigned long long prefix_of(const uint8_t *digest) noexcept nogil:
    """Return the first 8 bytes as a number, high byte first."""
    cdef unsigned long long value = 0
    cdef int i
    for i in range(8):
        value = (value << 8) | digest[i]
    return value


cdef Py_ssize_t row_of(
    const unsigned long long *prefixes, const uint8_t *digests, Py_ssize_t count, const uint8_t *wanted
) noexcept nogil:
    """Return the first row of a digest, or -1."""
    cdef unsigned long long prefix = prefix_of(wanted)
    cdef Py_ssize_t low = 0, high = count, middle
    while low < high:
        middle = low + (high - low) // 2
        if prefixes[middle] < prefix:
            low = middle + 1
        else:
            high = middle
    while low < count and prefixes[low] == prefix:
        if memcmp(digests + low * DIGEST, wanted, DIGEST) == 0:
            return low
        low += 1
    return -1


def find_rows(
    const unsigned long long[::1] prefixes not None, const uint8_t[::1] digests not None, list wanted not None
):
    """Return the first row of each digest, or -1; see `search_pure.find_rows`."""
    cdef Py_ssize_t count = prefixes.shape[0]
    cdef bytes digest
    cdef const uint8_t *each
    if digests.shape[0] != count * DIGEST:
        raise ValueError("a digest of 32 bytes for each prefix")
    if not count:
        return [-1] * len(wanted)
    rows = []
    for digest in wanted:
        each = digest
        rows.append(row_of(&prefixes[0], &digests[0], count, each) if len(digest) == DIGEST else -1)
    return rows
