"""Loops over the elements of a chunk that both the plane functions and the float codec are made of.

Compiled into each of them: a call across modules for every stretch would cost what the compiler gains here.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "elements are read as they lie in memory; the pure module serves big-endian machines"
    #endif
    /* Elements of a chunk begin anywhere. */
    typedef uint16_t __attribute__((aligned(1), may_alias)) tether_any16;
    typedef uint32_t __attribute__((aligned(1), may_alias)) tether_any32;
    """
    ctypedef uint16_t any16 "tether_any16"
    ctypedef uint32_t any32 "tether_any32"

cdef enum:
    # How many values share a block of codes.
    GROUP = 64
    # The code of a value outside the window.
    ESCAPE = 15
    # The most values that a base is chosen by.
    SAMPLES = 2048


cdef inline void split16(
    const any16 *source, uint8_t *low, uint8_t *high, size_t count, bint rotated
) noexcept nogil:
    cdef size_t i
    cdef uint16_t x
    if rotated:
        for i in range(count):
            x = <uint16_t>((source[i] << 1) | (source[i] >> 15))
            low[i] = <uint8_t>x
            high[i] = <uint8_t>(x >> 8)
    else:
        for i in range(count):
            low[i] = <uint8_t>source[i]
            high[i] = <uint8_t>(source[i] >> 8)


cdef inline void split32(
    const any32 *source, uint8_t *planes, size_t apart, uint8_t *plane3, size_t count, int turn
) noexcept nogil:
    cdef uint8_t *plane1 = planes + apart
    cdef uint8_t *plane2 = planes + 2 * apart
    cdef size_t i
    cdef uint32_t x
    for i in range(count):
        x = (source[i] << turn) | (source[i] >> ((32 - turn) & 31))
        planes[i] = <uint8_t>x
        plane1[i] = <uint8_t>(x >> 8)
        plane2[i] = <uint8_t>(x >> 16)
        plane3[i] = <uint8_t>(x >> 24)


cdef inline void join16(
    const uint8_t *low, const uint8_t *high, any16 *target, size_t count, bint rotated
) noexcept nogil:
    cdef size_t i
    cdef uint16_t x
    if rotated:
        for i in range(count):
            x = <uint16_t>(low[i] | (high[i] << 8))
            target[i] = <uint16_t>((x >> 1) | (x << 15))
    else:
        for i in range(count):
            target[i] = <uint16_t>(low[i] | (high[i] << 8))


cdef inline void join32(
    const uint8_t *planes, size_t apart, const uint8_t *plane3, any32 *target, size_t count, int turn
) noexcept nogil:
    cdef const uint8_t *plane1 = planes + apart
    cdef const uint8_t *plane2 = planes + 2 * apart
    cdef size_t i
    cdef uint32_t x
    for i in range(count):
        x = planes[i] | (<uint32_t>plane1[i] << 8) | (<uint32_t>plane2[i] << 16) | (<uint32_t>plane3[i] << 24)
        target[i] = (x >> turn) | (x << ((32 - turn) & 31))


cdef inline int check_shape(size_t size, size_t width, bint rotated) except -1:
    if width not in (2, 4, 8) or (rotated and width == 8) or size % width:
        raise ValueError("planes are of elements of 2, 4 or 8 bytes")
    return 0


cdef inline uint32_t best_window(const uint32_t *counts, uint32_t *base) noexcept nogil:
    """Find the first 15 neighbouring values with the most counts; return how many they have."""
    cdef uint32_t inside = 0
    cdef uint32_t most = 0
    cdef int k
    base[0] = 0
    for k in range(256):
        inside += counts[k]
        if k >= ESCAPE:
            inside -= counts[k - ESCAPE]
        if inside > most:
            most = inside
            base[0] = <uint32_t>(k - ESCAPE + 1) if k >= ESCAPE else 0
    return most


cdef inline uint32_t sampled_base(const uint8_t *plane, size_t count, size_t step) noexcept nogil:
    cdef uint32_t[256] counts
    cdef uint32_t base
    cdef size_t i = 0
    memset(counts, 0, sizeof(counts))
    while i < count:
        counts[plane[i]] += 1
        i += step
    best_window(counts, &base)
    return base


cdef inline size_t code_bytes(size_t count) noexcept nogil:
    return (count + GROUP - 1) // GROUP * (GROUP // 2)


cdef inline uint8_t *narrow_values(
    const uint8_t *plane, size_t count, uint8_t base, uint8_t *packed, uint8_t *escaped
) noexcept nogil:
    """Write the codes of `count` values and the escaped values; return where the next of these goes."""
    cdef uint8_t[GROUP] codes
    cdef size_t first = 0
    cdef size_t k, size
    cdef uint8_t largest
    while first < count:
        size = min(<size_t>GROUP, count - first)
        if size < GROUP:
            memset(codes, 0, GROUP)
            for k in range(size):
                codes[k] = min(<uint8_t>(plane[first + k] - base), <uint8_t>ESCAPE)
        else:
            for k in range(<size_t>GROUP):
                codes[k] = min(<uint8_t>(plane[first + k] - base), <uint8_t>ESCAPE)
        largest = 0
        for k in range(<size_t>GROUP):
            largest = max(largest, codes[k])
        if largest == ESCAPE:
            for k in range(size):
                if codes[k] == ESCAPE:
                    escaped[0] = plane[first + k]
                    escaped += 1
        for k in range(<size_t>(GROUP // 2)):
            packed[k] = codes[k] | <uint8_t>(codes[GROUP // 2 + k] << 4)
        packed += GROUP // 2
        first += GROUP
    return escaped


cdef inline const uint8_t *widen_values(
    const uint8_t *packed, uint8_t base, const uint8_t *escaped, const uint8_t *end, uint8_t *plane, size_t count
) noexcept nogil:
    """Undo `narrow_values`; return where the next escaped value lies, or NULL where they run out."""
    cdef uint8_t[GROUP] codes
    cdef size_t first = 0
    cdef size_t k, size
    cdef uint8_t largest
    while first < count:
        for k in range(<size_t>(GROUP // 2)):
            codes[k] = packed[k] & 15
            codes[GROUP // 2 + k] = packed[k] >> 4
        size = min(<size_t>GROUP, count - first)
        largest = 0
        for k in range(<size_t>GROUP):
            largest = max(largest, codes[k])
            codes[k] = <uint8_t>(codes[k] + base)
        memcpy(plane + first, codes, size)
        if largest == ESCAPE:
            for k in range(size):
                if codes[k] == <uint8_t>(ESCAPE + base):
                    if escaped == end:
                        return NULL
                    plane[first + k] = escaped[0]
                    escaped += 1
        packed += GROUP // 2
        first += GROUP
    return escaped
