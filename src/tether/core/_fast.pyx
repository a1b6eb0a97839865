"""Native loops of the core: finding the ends of chunks and sorting bytes into planes.

Everything here has a pure Python twin with identical results (`chunker_pure`, and slices in `compression`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport UINT32_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from tether.core import gear

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *source, Py_ssize_t size)
    int _PyBytes_Resize(PyObject **resized, Py_ssize_t size)

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
    raise ImportError("tether.core._fast was built for other chunk sizes")
for _position, _value in enumerate(gear.TABLE):
    TABLE[_position] = _value


# ---------------------------------------------------------------- chunk boundaries


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


# ---------------------------------------------------------------- byte planes

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
    GROUP = 64
    ESCAPE = 15
    NARROW = 2
    SAMPLES = 2048
    FEW_SAMPLES = 256


cdef void split16(const any16 *source, uint8_t *low, uint8_t *high, size_t count, bint rotated) noexcept nogil:
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


cdef void split32(
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


cdef void split_any(const uint8_t *source, uint8_t *planes, size_t count, size_t width) noexcept nogil:
    cdef size_t i, k
    for k in range(width):
        for i in range(count):
            planes[k * count + i] = source[i * width + k]


cdef void join16(
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


cdef void join32(
    const uint8_t *planes, size_t apart, const uint8_t *plane3, any32 *target, size_t count, int turn
) noexcept nogil:
    cdef const uint8_t *plane1 = planes + apart
    cdef const uint8_t *plane2 = planes + 2 * apart
    cdef size_t i
    cdef uint32_t x
    for i in range(count):
        x = planes[i] | (<uint32_t>plane1[i] << 8) | (<uint32_t>plane2[i] << 16) | (<uint32_t>plane3[i] << 24)
        target[i] = (x >> turn) | (x << ((32 - turn) & 31))


cdef void join_any(const uint8_t *planes, uint8_t *target, size_t count, size_t width) noexcept nogil:
    cdef size_t i, k
    for k in range(width):
        for i in range(count):
            target[i * width + k] = planes[k * count + i]


cdef int check_shape(size_t size, size_t width, bint rotated) except -1:
    if width not in (2, 4, 8) or (rotated and width == 8) or size % width:
        raise ValueError("planes are of elements of 2, 4 or 8 bytes")
    return 0


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


# ---------------------------------------------------------------- exponents in half a byte


cdef uint32_t best_window(const uint32_t *counts, uint32_t *base) noexcept nogil:
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


cdef uint32_t sampled_base(const uint8_t *plane, size_t count, size_t step) noexcept nogil:
    cdef uint32_t[256] counts
    cdef uint32_t base
    cdef size_t i = 0
    memset(counts, 0, sizeof(counts))
    while i < count:
        counts[plane[i]] += 1
        i += step
    best_window(counts, &base)
    return base


cdef int find_lead(const uint8_t *data, size_t size, size_t width) noexcept nogil:
    cdef uint32_t[256] counts
    cdef uint32_t base, most, needed
    cdef uint32_t best = 0
    cdef size_t lead, count, step, taken, i
    cdef int found = -1
    cdef const uint8_t *top
    for lead in range(width):
        count = (size - lead) // width
        step = count // FEW_SAMPLES + 1
        taken = 0
        memset(counts, 0, sizeof(counts))
        i = 0
        while i < count:
            top = data + lead + i * width + width - 1
            counts[<uint8_t>((top[0] << 1) | ((top - 1)[0] >> 7))] += 1
            taken += 1
            i += step
        most = best_window(counts, &base)
        needed = <uint32_t>(taken - taken // 4)
        if most >= needed and most > best:
            best = most
            found = <int>lead
    return found


def float_lead(const uint8_t[::1] data not None, size_t width):
    """Find where floating-point elements begin; see `planes_pure.float_lead`."""
    cdef size_t size = data.shape[0]
    cdef const uint8_t *source
    cdef int found
    check_shape(0, width, True)
    if size < 64:
        return -1
    source = &data[0]
    with nogil:
        found = find_lead(source, size, width)
    return found


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


cdef inline size_t code_bytes(size_t count) noexcept nogil:
    return (count + GROUP - 1) // GROUP * (GROUP // 2)


cdef uint8_t *narrow_values(
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


cdef const uint8_t *widen_values(
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


# ---------------------------------------------------------------- whole chunks of floating-point numbers

cdef enum:
    # Elements worked on at once, a multiple of GROUP: their highest bytes stay in the nearest cache.
    STRETCH = 1024


cdef struct Layout:
    size_t lead
    size_t count
    size_t tail
    size_t header
    size_t low
    size_t codes


cdef Layout layout_of(size_t size, size_t width, size_t lead) noexcept nogil:
    cdef Layout layout
    layout.lead = lead
    layout.count = (size - lead) // width
    layout.tail = (size - lead) % width
    layout.header = 1 + width + 4
    layout.low = (width - 1) * layout.count
    layout.codes = code_bytes(layout.count)
    return layout


cdef size_t pack_into(
    const uint8_t *data, size_t width, const Layout *layout, uint8_t base, uint8_t *stored, size_t room
) noexcept nogil:
    """Lay a chunk out as `planes.encode` does; return the size, 0 where too many values are escaped."""
    cdef uint8_t[STRETCH] top
    cdef const uint8_t *source = data + layout.lead
    cdef uint8_t *low = stored + layout.header
    cdef uint8_t *packed = low + layout.low + 1
    cdef uint8_t *escaped = packed + layout.codes
    cdef uint8_t *limit = stored + room - layout.lead - layout.tail
    cdef size_t first = 0
    cdef size_t size
    cdef uint32_t length
    (packed - 1)[0] = base
    while first < layout.count:
        size = min(<size_t>STRETCH, layout.count - first)
        if <size_t>(limit - escaped) < size:
            return 0
        if width == 2:
            split16(<const any16 *>source, low + first, top, size, True)
        else:
            split32(<const any32 *>source, low + first, layout.count, top, size, 1)
        escaped = narrow_values(top, size, base, packed, escaped)
        packed += size // 2
        source += size * width
        first += size
    memset(stored, 0, width)
    stored[0] = <uint8_t>layout.lead
    stored[width] = NARROW
    length = <uint32_t>(escaped - (low + layout.low))
    memcpy(stored + 1 + width, &length, 4)
    memcpy(escaped, data, layout.lead)
    memcpy(escaped + layout.lead, source, layout.tail)
    return escaped + layout.lead + layout.tail - stored


def pack_floats(const uint8_t[::1] data not None, size_t width):
    """Store a chunk of floats with narrow exponents; see `planes.pack_floats`."""
    cdef size_t size = data.shape[0]
    cdef const uint8_t *source = &data[0] if size else NULL
    cdef PyObject *result
    cdef uint8_t *stored
    cdef size_t used
    cdef Layout layout
    cdef int lead = float_lead(data, width)
    if lead < 0:
        return None
    layout = layout_of(size, width, lead)
    # Written at its full length and cut: a copy would cost as much as the packing.
    result = new_bytes(NULL, size + STRETCH)
    if result == NULL:
        raise MemoryError
    stored = <uint8_t *>PyBytes_AS_STRING(<bytes>result)
    with nogil:
        used = pack_into(source, width, &layout, exponent_base(source, width, &layout), stored, size + STRETCH)
    if not 0 < used < size:
        Py_DECREF(<object>result)
        return None
    _PyBytes_Resize(&result, used)
    return take_over(result)


cdef object take_over(PyObject *owned):
    """Return a reference that was only counted so far; NULL stands for an exception already raised."""
    cdef object result
    if owned == NULL:
        raise MemoryError
    result = <object>owned
    Py_DECREF(result)
    return result


cdef uint8_t exponent_base(const uint8_t *data, size_t width, const Layout *layout) noexcept nogil:
    """Choose the base from the same sample as `narrow` takes of the highest plane."""
    cdef uint8_t[SAMPLES] sample
    cdef size_t step = layout.count // SAMPLES + 1
    cdef size_t taken = 0
    cdef const uint8_t *top = data + layout.lead + width - 1
    while taken * step < layout.count:
        sample[taken] = <uint8_t>((top[0] << 1) | ((top - 1)[0] >> 7))
        top += step * width
        taken += 1
    return <uint8_t>sampled_base(sample, taken, 1)


def unpack_floats(const uint8_t[::1] stored not None, size_t width, size_t raw_length):
    """Undo `pack_floats`; None where a chunk is laid out otherwise or is damaged."""
    cdef size_t size = stored.shape[0]
    cdef const uint8_t *source = &stored[0] if size else NULL
    cdef const uint8_t *last
    cdef uint8_t *target
    cdef uint32_t length
    cdef bytes result
    cdef Layout layout
    check_shape(0, width, True)
    if size < 1 + width + 4 or source[0] >= width or raw_length < width or raw_length // 4 > size:
        return None
    layout = layout_of(raw_length, width, source[0])
    memcpy(&length, source + 1 + width, 4)
    if source[width] != NARROW or source[1] or (width == 4 and (source[2] or source[3])):
        return None
    if length < 1 + layout.codes or layout.header + layout.low + length + layout.lead + layout.tail != size:
        return None
    result = PyBytes_FromStringAndSize(NULL, raw_length)
    target = <uint8_t *>PyBytes_AS_STRING(result)
    with nogil:
        last = unpack_from(source, width, &layout, length, target)
    return result if last == source + layout.header + layout.low + length else None


cdef const uint8_t *unpack_from(
    const uint8_t *stored, size_t width, const Layout *layout, size_t length, uint8_t *target
) noexcept nogil:
    cdef uint8_t[STRETCH] top
    cdef const uint8_t *low = stored + layout.header
    cdef const uint8_t *packed = low + layout.low + 1
    cdef const uint8_t *escaped = packed + layout.codes
    cdef const uint8_t *end = low + layout.low + length
    cdef uint8_t base = (packed - 1)[0]
    cdef size_t first = 0
    cdef size_t size
    memcpy(target, end, layout.lead)
    target += layout.lead
    while first < layout.count and escaped != NULL:
        size = min(<size_t>STRETCH, layout.count - first)
        escaped = widen_values(packed, base, escaped, end, top, size)
        if width == 2:
            join16(low + first, top, <any16 *>target, size, True)
        else:
            join32(low + first, layout.count, top, <any32 *>target, size, 1)
        packed += size // 2
        target += size * width
        first += size
    memcpy(target, end + layout.lead, layout.tail)
    return escaped
