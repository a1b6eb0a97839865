"""Native loops that sort bytes into planes and pack one plane.

Each function here has a twin in `planes_pure` with identical results.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from tether.core._elements cimport (
    SAMPLES, any16, any32, check_shape, code_bytes, join16, join32, narrow_values, sampled_base, split16,
    split32, widen_values,
)


cdef void split_any(const uint8_t *source, uint8_t *planes, size_t count, size_t width) noexcept nogil:
    cdef size_t i, k
    for k in range(width):
        for i in range(count):
            planes[k * count + i] = source[i * width + k]


cdef void join_any(const uint8_t *planes, uint8_t *target, size_t count, size_t width) noexcept nogil:
    cdef size_t i, k
    for k in range(width):
        for i in range(count):
            target[i * width + k] = planes[k * count + i]


def split(const uint8_t[::1] data not None, size_t width, bint rotated):
    """Sort the bytes of elements by significance; see `planes_pure.split`."""
    cdef size_t size = data.shape[0]
    check_shape(size, width, rotated)
    cdef bytes result = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t *target = <uint8_t *>PyBytes_AS_STRING(result)
    cdef const uint8_t *source = &data[0] if size else NULL
    with nogil:
        if width == 2:
            split16(<const any16 *>source, target, target + size // 2, size // 2, rotated)
        elif width == 4:
            split32(<const any32 *>source, target, size // 4, target + size // 4 * 3, size // 4, rotated)
        else:
            split_any(source, target, size // width, width)
    return result


def join(const uint8_t[::1] planes not None, size_t width, bint rotated):
    """Undo `split`; see `planes_pure.join`."""
    cdef size_t size = planes.shape[0]
    check_shape(size, width, rotated)
    cdef bytes result = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t *target = <uint8_t *>PyBytes_AS_STRING(result)
    cdef const uint8_t *source = &planes[0] if size else NULL
    with nogil:
        if width == 2:
            join16(source, source + size // 2, <any16 *>target, size // 2, rotated)
        elif width == 4:
            join32(source, size // 4, source + size // 4 * 3, <any32 *>target, size // 4, rotated)
        else:
            join_any(source, target, size // width, width)
    return result


def looks_flat(const uint8_t[::1] plane not None):
    """Say whether all values are about equally frequent; see `planes_pure.looks_flat`."""
    cdef uint32_t[256] counts
    cdef size_t count = plane.shape[0]
    cdef const uint8_t *source = &plane[0] if count else NULL
    cdef size_t step = count // SAMPLES + 1
    cdef size_t i = 0
    cdef uint64_t taken = 0
    cdef uint64_t pairs = 0
    with nogil:
        memset(counts, 0, sizeof(counts))
        while i < count:
            counts[source[i]] += 1
            taken += 1
            i += step
        for i in range(256):
            pairs += <uint64_t>counts[i] * counts[i]
    # Equal frequencies give taken + taken^2 / 256 pairs in the mean.
    return 4 * (pairs - taken) <= 5 * taken * taken // 256


def narrow(const uint8_t[::1] plane not None):
    """Store a plane of few neighbouring values in half its size; see `planes_pure.narrow`."""
    cdef size_t count = plane.shape[0]
    cdef size_t codes = code_bytes(count)
    cdef uint8_t *stored = <uint8_t *>malloc(1 + codes + count)
    cdef const uint8_t *source = &plane[0] if count else NULL
    cdef uint8_t *end
    if stored == NULL:
        raise MemoryError
    try:
        with nogil:
            stored[0] = <uint8_t>sampled_base(source, count, count // SAMPLES + 1)
            end = narrow_values(source, count, stored[0], stored + 1, stored + 1 + codes)
        return PyBytes_FromStringAndSize(<char *>stored, end - stored)
    finally:
        free(stored)


def widen(const uint8_t[::1] stored not None, size_t count):
    """Undo `narrow`; see `planes_pure.widen`."""
    cdef size_t size = stored.shape[0]
    if size == 0 or count // 2 >= size or size - 1 < code_bytes(count):
        raise ValueError("a narrow plane is cut short")
    cdef bytes result = PyBytes_FromStringAndSize(NULL, count)
    cdef uint8_t *target = <uint8_t *>PyBytes_AS_STRING(result)
    cdef const uint8_t *source = &stored[0]
    cdef const uint8_t *end = source + size
    cdef const uint8_t *last
    with nogil:
        last = widen_values(source + 1, source[0], source + 1 + code_bytes(count), end, target, count)
    if last != end:
        raise ValueError("a narrow plane does not add up")
    return result
