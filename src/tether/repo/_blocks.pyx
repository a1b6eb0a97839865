"""Native building of many frames at once; `blocks_pure` is the twin with identical results."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

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
