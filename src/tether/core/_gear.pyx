"""Native loops that find the ends of chunks; `chunker_pure` is the twin with identical results."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc

from tether.core import gear

cdef extern from *:
    """
    #define TETHER_LIMIT ((uint64_t)1 << 48)
    """
    const uint64_t LIMIT "TETHER_LIMIT"

cdef enum:
    SMALLEST = 8 * 1024
    LARGEST = 128 * 1024
    WINDOW = 64
    STRIDE = 2048
    BLOCK = 2 * STRIDE

cdef uint64_t[256] TABLE

if (gear.MIN_SIZE, gear.MAX_SIZE, gear.WINDOW, gear.LIMIT) != (SMALLEST, LARGEST, WINDOW, LIMIT):
    raise ImportError("tether.core._gear was built for other chunk sizes")
for _position, _value in enumerate(gear.TABLE):
    TABLE[_position] = _value


cdef inline uint64_t roll(uint64_t value, const uint8_t *data, size_t start, size_t end) noexcept nogil:
    """Take the bytes from `start` to `end` into a hash."""
    cdef size_t i
    for i in range(start, end):
        value = (value << 1) + TABLE[data[i]]
    return value


cdef size_t find_in_block(const uint8_t *data) noexcept nogil:
    """Return the first of the next BLOCK positions where a chunk may end, or BLOCK.

    The hash depends on the last 64 bytes only, so two lanes at different places find the same positions
    as one, and the processor works on both at once. At least 63 bytes lie before `data`.
    """
    cdef const uint8_t *ahead = data + STRIDE
    cdef uint64_t near = roll(0, data - (WINDOW - 1), 0, WINDOW - 1)
    cdef uint64_t far = roll(0, ahead - (WINDOW - 1), 0, WINDOW - 1)
    cdef size_t found = BLOCK
    cdef size_t i = 0
    while i < STRIDE:
        # Written out, for a loop of one step leaves a third of the speed unused.
        near = (near << 1) + TABLE[data[i]]
        far = (far << 1) + TABLE[ahead[i]]
        if near < LIMIT or far < LIMIT:
            break
        near = (near << 1) + TABLE[data[i + 1]]
        far = (far << 1) + TABLE[ahead[i + 1]]
        if near < LIMIT or far < LIMIT:
            i += 1
            break
        near = (near << 1) + TABLE[data[i + 2]]
        far = (far << 1) + TABLE[ahead[i + 2]]
        if near < LIMIT or far < LIMIT:
            i += 2
            break
        near = (near << 1) + TABLE[data[i + 3]]
        far = (far << 1) + TABLE[ahead[i + 3]]
        if near < LIMIT or far < LIMIT:
            i += 3
            break
        i += 4
    if far < LIMIT:
        found = STRIDE + i
    # The near lane comes first in the data: it goes on alone to its own first position.
    while i < STRIDE:
        if near < LIMIT:
            return i
        i += 1
        if i < STRIDE:
            near = (near << 1) + TABLE[data[i]]
    return found


cdef size_t find_end(const uint8_t *data, size_t first, size_t limit, uint64_t value) noexcept nogil:
    """Return the first position from `first` on where a chunk may end, or `limit`.

    `value` is the hash of what lies before `data`; it counts only where `first` is less than a window in.
    """
    cdef size_t i = first
    cdef size_t near = min(limit, <size_t>WINDOW)
    cdef size_t found
    if i < near:
        value = roll(value, data, 0, i)
        while i < near:
            value = (value << 1) + TABLE[data[i]]
            if value < LIMIT:
                return i
            i += 1
    while i + BLOCK <= limit:
        found = find_in_block(data + i)
        if found < BLOCK:
            return i + found
        i += BLOCK
    if i < limit:
        value = roll(0, data, i - (WINDOW - 1), i)
        while i < limit:
            value = (value << 1) + TABLE[data[i]]
            if value < LIMIT:
                return i
            i += 1
    return limit


cdef size_t find_cut(const uint8_t *data, size_t size, size_t done, uint64_t value) noexcept nogil:
    """Return how many bytes of `data` complete a chunk that has `done` bytes already, or 0."""
    cdef size_t limit = min(size, LARGEST - done)
    cdef size_t first = SMALLEST - 1 - done if done < SMALLEST - 1 else 0
    cdef size_t end
    if first < limit:
        end = find_end(data, first, limit, value)
        if end < limit:
            return end + 1
    return limit if done + limit == LARGEST else 0


cdef struct Lengths:
    uint32_t *items
    size_t count
    size_t room


cdef int append(Lengths *lengths, size_t length) noexcept nogil:
    cdef uint32_t *grown
    if lengths.count == lengths.room:
        lengths.room = 2 * lengths.room + 16
        grown = <uint32_t *>realloc(lengths.items, lengths.room * sizeof(uint32_t))
        if grown == NULL:
            return -1
        lengths.items = grown
    lengths.items[lengths.count] = <uint32_t>length
    lengths.count += 1
    return 0


cdef int cut_all(const uint8_t *data, size_t size, size_t *done, uint64_t *value, Lengths *out) noexcept nogil:
    """Append the lengths of the chunks completed in `data`; leave what is known of the open one."""
    cdef size_t taken
    while size:
        taken = find_cut(data, size, done[0], value[0])
        if not taken:
            break
        if append(out, done[0] + taken) < 0:
            return -1
        data += taken
        size -= taken
        done[0] = 0
        value[0] = 0
    done[0] += size
    value[0] = roll(value[0], data, size - WINDOW if size > WINDOW else 0, size)
    return 0


def scan(const uint8_t[::1] data not None, size_t done, uint64_t value):
    """Cut the next bytes of a stream; see `chunker_pure.scan`."""
    cdef Lengths lengths = Lengths(NULL, 0, 0)
    cdef size_t size = data.shape[0]
    cdef const uint8_t *start = &data[0] if size else NULL
    cdef int failed
    cdef size_t i
    if done >= LARGEST:
        raise ValueError("an open chunk is shorter than the maximum")
    try:
        with nogil:
            failed = cut_all(start, size, &done, &value, &lengths)
        if failed:
            raise MemoryError
        return [lengths.items[i] for i in range(lengths.count)], done, value
    finally:
        free(lengths.items)


cdef struct Piece:
    const uint8_t *data
    size_t size
    size_t cuts


cdef int cut_piece(Piece *piece, Lengths *ends) noexcept nogil:
    """Append the ends of a whole buffer's chunks, the last one included."""
    cdef size_t start = 0
    cdef size_t taken
    piece.cuts = 0
    while start < piece.size:
        taken = find_cut(piece.data + start, piece.size - start, 0, 0)
        start = start + taken if taken else piece.size
        if append(ends, start) < 0:
            return -1
        piece.cuts += 1
    return 0


def cut_many(list buffers not None):
    """Return the ends of the chunks of each whole buffer (`bytes` under 4 GiB)."""
    cdef size_t count = len(buffers)
    cdef Piece *pieces = <Piece *>malloc((count + 1) * sizeof(Piece))
    cdef Lengths ends = Lengths(NULL, 0, 0)
    cdef list result = []
    cdef size_t i, k, first = 0
    cdef int failed = 0
    cdef bytes data
    if pieces == NULL:
        raise MemoryError
    try:
        for i in range(count):
            data = <bytes?>buffers[i]
            if len(data) > UINT32_MAX:
                raise ValueError("a buffer of cut_many is smaller than 4 GiB")
            pieces[i].data = <const uint8_t *>PyBytes_AS_STRING(data)
            pieces[i].size = len(data)
        with nogil:
            for i in range(count):
                failed = cut_piece(&pieces[i], &ends)
                if failed:
                    break
        if failed:
            raise MemoryError
        for i in range(count):
            result.append([ends.items[k] for k in range(first, first + pieces[i].cuts)])
            first += pieces[i].cuts
        return result
    finally:
        free(pieces)
        free(ends.items)
