"""Native search for digests in the sorted columns of indexes, and joining of these; `search_pure` is the twin."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy

cdef enum:
    DIGEST = 32
    COLUMNS = 7

cdef size_t[COLUMNS] WIDTH = [DIGEST, 4, 8, 4, 4, 1, 1]


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


cdef struct Part:
    const uint8_t *columns[COLUMNS]
    size_t count


cdef struct Row:
    unsigned long long prefix
    const uint8_t *digest
    uint32_t part
    uint32_t row
    uint32_t pack


cdef int compare(const void *one, const void *other) noexcept nogil:
    """Order rows by digest; of equal ones the first that was given comes first."""
    cdef const Row *a = <const Row *>one
    cdef const Row *b = <const Row *>other
    cdef int found
    if a.prefix != b.prefix:
        return 1 if a.prefix > b.prefix else -1
    found = memcmp(a.digest, b.digest, DIGEST)
    if found == 0:
        found = (a.part > b.part) - (a.part < b.part)
    if found == 0:
        found = (a.row > b.row) - (a.row < b.row)
    return found


cdef uint32_t number_at(const uint8_t *column, size_t row) noexcept nogil:
    """Return a number of a column, low byte first."""
    cdef const uint8_t *at = column + 4 * row
    return at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24


cdef size_t open_parts(list parts, list views, Part *opened) except? 0:
    """Point to the columns of each part, which `views` keep alive; return how many rows there are."""
    cdef const uint8_t[::1] view
    cdef size_t total = 0, i, k
    for i, part in enumerate(parts):
        columns = part[:COLUMNS]
        opened[i].count = len(columns[COLUMNS - 1])
        for k, column in enumerate(columns):
            view = memoryview(column).cast("B")
            views.append(view)
            if <size_t>view.shape[0] != WIDTH[k] * opened[i].count:
                raise ValueError("columns of one length")
            opened[i].columns[k] = &view[0] if opened[i].count else NULL
        total += opened[i].count
    if <size_t>len(parts) > UINT32_MAX or total > UINT32_MAX:
        raise ValueError("too many rows")
    return total


cdef size_t list_rows(list parts, const Part *opened, Row *rows) except? 0:
    """Fill in the rows of packs that stay; return how many."""
    cdef size_t filled = 0, i, row
    cdef uint32_t pack
    cdef const uint32_t[::1] numbers
    for i in range(<size_t>len(parts)):
        numbers = parts[i][COLUMNS]
        for row in range(opened[i].count):
            pack = number_at(opened[i].columns[1], row)
            if pack >= <size_t>numbers.shape[0]:
                raise ValueError("a row of a pack that has no number")
            if numbers[pack] == UINT32_MAX:
                continue
            rows[filled].digest = opened[i].columns[0] + row * DIGEST
            rows[filled].prefix = prefix_of(rows[filled].digest)
            rows[filled].part, rows[filled].row, rows[filled].pack = <uint32_t>i, <uint32_t>row, numbers[pack]
            filled += 1
    return filled


cdef void put_rows(
    const Part *opened, const Row *rows, size_t count, uint8_t *prefixes, uint8_t **targets
) noexcept nogil:
    """Write the columns of sorted rows."""
    cdef const Row *row
    cdef const Part *part
    cdef size_t i, k
    for i in range(count):
        row = &rows[i]
        part = &opened[row.part]
        for k in range(8):
            prefixes[8 * i + k] = row.digest[7 - k]
        for k in range(COLUMNS):
            memcpy(targets[k] + i * WIDTH[k], part.columns[k] + row.row * WIDTH[k], WIDTH[k])
        for k in range(4):
            targets[1][4 * i + k] = (row.pack >> (8 * k)) & 0xFF


def join_rows(parts):
    """Return the rows of several tables or indexes in the order of an index; see `search_pure.join_rows`."""
    cdef list given = list(parts), views = []
    cdef size_t total, count, k
    cdef uint8_t *target
    cdef uint8_t *targets[COLUMNS]
    cdef Part *opened = <Part *>malloc((len(given) + 1) * sizeof(Part))
    cdef Row *rows = NULL
    if opened == NULL:
        raise MemoryError
    try:
        total = open_parts(given, views, opened)
        rows = <Row *>malloc((total + 1) * sizeof(Row))
        if rows == NULL:
            raise MemoryError
        count = list_rows(given, opened, rows)
        prefixes = PyBytes_FromStringAndSize(NULL, 8 * count)
        columns = []
        for k in range(COLUMNS):
            columns.append(PyBytes_FromStringAndSize(NULL, WIDTH[k] * count))
            targets[k] = <uint8_t *>PyBytes_AS_STRING(columns[k])
        target = <uint8_t *>PyBytes_AS_STRING(prefixes)
        with nogil:
            qsort(rows, count, sizeof(Row), compare)
            put_rows(opened, rows, count, target, targets)
        return prefixes, columns
    finally:
        free(rows)
        free(opened)
