"""Native building and listing of many frames at once; `blocks_pure` is the twin with identical results."""

from array import array

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy

cdef enum:
    DIGEST = 32
    SUMMED = 44
    HEAD = 48
    POLYNOMIAL = 0xEDB88320

cdef uint32_t[256] REMAINDERS


cdef void fill_remainders() noexcept:
    cdef uint32_t value
    cdef int i, bit
    for i in range(256):
        value = i
        for bit in range(8):
            value = (value >> 1) ^ (<uint32_t>POLYNOMIAL if value & 1 else 0)
        REMAINDERS[i] = value


fill_remainders()


cdef struct Piece:
    const char *digest
    const char *data
    size_t size
    uint32_t raw
    uint8_t codec


cdef void put(uint8_t *target, uint32_t value) noexcept nogil:
    """Write a number low byte first, whatever the processor's order is."""
    target[0] = value & 0xFF
    target[1] = (value >> 8) & 0xFF
    target[2] = (value >> 16) & 0xFF
    target[3] = value >> 24


cdef uint32_t sum_head(const uint8_t *head) noexcept nogil:
    """Return the CRC-32 of zlib."""
    cdef uint32_t value = UINT32_MAX
    cdef int i
    for i in range(SUMMED):
        value = (value >> 8) ^ REMAINDERS[(value ^ head[i]) & 0xFF]
    return value ^ UINT32_MAX


cdef uint8_t *put_frame(uint8_t *target, uint8_t kind, const Piece *piece) noexcept nogil:
    """Write one frame and return where the next one begins."""
    target[0] = kind
    target[1] = piece.codec
    target[2] = target[3] = 0
    put(target + 4, piece.raw)
    put(target + 8, <uint32_t>piece.size)
    memcpy(target + 12, piece.digest, DIGEST)
    put(target + SUMMED, sum_head(target))
    memcpy(target + HEAD, piece.data, piece.size)
    return target + HEAD + piece.size


cdef size_t gather(Piece *pieces, list digests, list contents, bytes codecs, list lengths) except? 0:
    """Note where everything lies and return the length of the frames; the lists keep it alive."""
    cdef size_t total = 0
    cdef size_t i
    cdef bytes digest, data
    cdef Piece *piece
    for i in range(<size_t>len(digests)):
        digest, data = <bytes?>digests[i], <bytes?>contents[i]
        if len(digest) != DIGEST or len(data) > UINT32_MAX:
            raise ValueError("a frame has a digest of 32 bytes and less than 4 GiB")
        piece = &pieces[i]
        piece.digest, piece.data = PyBytes_AS_STRING(digest), PyBytes_AS_STRING(data)
        piece.size, piece.raw, piece.codec = PyBytes_GET_SIZE(data), lengths[i], codecs[i]
        total += HEAD + piece.size
    return total


def put_frames(uint8_t[::1] target not None, size_t start, object batch):
    """Write frames one after the other; see `blocks_pure.put_frames`."""
    cdef int kind
    cdef list digests, contents, lengths
    cdef bytes codecs
    cdef size_t count, total, i
    cdef uint8_t *place
    kind, digests, contents, codecs, lengths = batch
    count = len(digests)
    if not <size_t>len(contents) == <size_t>len(codecs) == <size_t>len(lengths) == count:
        raise ValueError("one digest, codec and length for each content")
    if not 0 <= kind <= 255:
        raise ValueError("a kind is one byte")
    cdef Piece *pieces = <Piece *>malloc((count + 1) * sizeof(Piece))
    if pieces == NULL:
        raise MemoryError
    try:
        total = gather(pieces, digests, contents, codecs, lengths)
        if start > <size_t>target.shape[0] or total > target.shape[0] - start:
            raise ValueError("the frames do not fit")
        if count:
            place = &target[0] + start
            with nogil:
                for i in range(count):
                    place = put_frame(place, <uint8_t>kind, &pieces[i])
        return start + total
    finally:
        free(pieces)


cdef uint32_t get(const uint8_t *source) noexcept nogil:
    """Read a number low byte first."""
    return source[0] | <uint32_t>source[1] << 8 | <uint32_t>source[2] << 16 | <uint32_t>source[3] << 24


cdef size_t stored_of(const uint8_t *head, size_t room, const long long *limits, int difference) noexcept nogil:
    """Return the length of a sound frame that lies whole in `room` bytes, or 0."""
    cdef size_t stored
    cdef long long limit
    if room < HEAD or get(head + SUMMED) != sum_head(head):
        return 0
    if head[2] | head[3] << 8 != (1 if head[1] == difference else 0):
        return 0
    stored, limit = get(head + 8), limits[head[0]]
    if <long long>get(head + 4) > limit or <long long>stored > limit or stored > room - HEAD:
        return 0
    return HEAD + stored


cdef tuple new_columns(size_t count):
    """Return columns of so many frames, to be filled: digests, offsets, stored, raw, kinds and codecs."""
    digests = PyBytes_FromStringAndSize(NULL, count * DIGEST)
    kinds, codecs = PyBytes_FromStringAndSize(NULL, count), PyBytes_FromStringAndSize(NULL, count)
    offsets, stored, raw = array("Q", bytes(8 * count)), array("I", bytes(4 * count)), array("I", bytes(4 * count))
    return digests, offsets, stored, raw, kinds, codecs


def list_frames(
    const uint8_t[::1] data not None, size_t start, const long long[::1] limits not None, int difference
):
    """Return the columns of the frames that lie whole in a row, and where they end; see `blocks_pure`."""
    cdef size_t size = data.shape[0], count = 0, at = start, length, i
    cdef const uint8_t *source = &data[0] if size else NULL
    if start > size or limits.shape[0] != 256:
        raise ValueError("a start in the data, and a limit for each kind")
    with nogil:
        while True:
            length = stored_of(source + at, size - at, &limits[0], difference)
            if not length:
                break
            at += length
            count += 1
    digests, places, stored, raw, kinds, codecs = new_columns(count)
    cdef uint8_t *digest = <uint8_t *>PyBytes_AS_STRING(digests)
    cdef uint8_t *kind = <uint8_t *>PyBytes_AS_STRING(kinds)
    cdef uint8_t *codec = <uint8_t *>PyBytes_AS_STRING(codecs)
    cdef unsigned long long[::1] place = places
    cdef unsigned int[::1] long_stored = stored, long_raw = raw
    at = start
    for i in range(count):
        memcpy(digest + i * DIGEST, source + at + 12, DIGEST)
        kind[i], codec[i] = source[at], source[at + 1]
        place[i], long_stored[i], long_raw[i] = at, get(source + at + 8), get(source + at + 4)
        at += HEAD + long_stored[i]
    return at, (digests, places, stored, raw, kinds, codecs)


cdef struct Row:
    const uint8_t *digest
    unsigned long long offset
    uint32_t stored
    uint32_t raw
    uint8_t kind
    uint8_t codec


cdef int compare(const void *one, const void *other) noexcept nogil:
    """Order rows as tuples of digest, kind, codec and offset; no two frames have one offset."""
    cdef const Row *a = <const Row *>one
    cdef const Row *b = <const Row *>other
    cdef int found = memcmp(a.digest, b.digest, DIGEST)
    if found == 0:
        found = a.kind - b.kind
    if found == 0:
        found = a.codec - b.codec
    if found == 0:
        found = (a.offset > b.offset) - (a.offset < b.offset)
    return found


def sort_frames(tuple columns not None):
    """Return the columns in the order of a table of contents; see `blocks_pure.sort_frames`."""
    cdef const uint8_t[::1] digests, kinds, codecs
    cdef const unsigned long long[::1] offsets
    cdef const unsigned int[::1] stored, raw
    digests, offsets, stored, raw, kinds, codecs = columns
    cdef size_t count = kinds.shape[0], i
    if not (
        <size_t>offsets.shape[0] == <size_t>stored.shape[0] == <size_t>raw.shape[0]
        == <size_t>codecs.shape[0] == count and <size_t>digests.shape[0] == count * DIGEST
    ):
        raise ValueError("columns of one length")
    sorted_digests, places, lengths, raws, sorted_kinds, sorted_codecs = new_columns(count)
    cdef uint8_t *digest = <uint8_t *>PyBytes_AS_STRING(sorted_digests)
    cdef uint8_t *kind = <uint8_t *>PyBytes_AS_STRING(sorted_kinds)
    cdef uint8_t *codec = <uint8_t *>PyBytes_AS_STRING(sorted_codecs)
    cdef unsigned long long[::1] place = places
    cdef unsigned int[::1] length = lengths, raw_length = raws
    cdef Row *rows = <Row *>malloc((count + 1) * sizeof(Row))
    if rows == NULL:
        raise MemoryError
    try:
        for i in range(count):
            rows[i] = Row(&digests[i * DIGEST], offsets[i], stored[i], raw[i], kinds[i], codecs[i])
        with nogil:
            qsort(rows, count, sizeof(Row), compare)
        for i in range(count):
            memcpy(digest + i * DIGEST, rows[i].digest, DIGEST)
            kind[i], codec[i], place[i] = rows[i].kind, rows[i].codec, rows[i].offset
            length[i], raw_length[i] = rows[i].stored, rows[i].raw
    finally:
        free(rows)
    return sorted_digests, places, lengths, raws, sorted_kinds, sorted_codecs
