"""Native packing of whole chunks of floating-point numbers, in one pass over stretches that stay in cache.

The results are those of the general way in `planes`, which serves where this module is missing.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from tether.core._elements cimport (
    SAMPLES, any16, any32, best_window, check_shape, code_bytes, join16, join32, narrow_values, sampled_base,
    split16, split32, widen_values,
)

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *source, Py_ssize_t size)
    void Py_XDECREF(PyObject *object)
    int _PyBytes_Resize(PyObject **resized, Py_ssize_t size)
    char *bytes_of "PyBytes_AS_STRING"(const PyObject *holder) nogil

cdef enum:
    NARROW = 2
    FEW_SAMPLES = 256
    # Shorter chunks are not looked at.
    SMALLEST = 64
    # Elements worked on at once, a multiple of GROUP: their highest bytes stay in the nearest cache.
    STRETCH = 1024
    # Codecs of `compression.Codec`.
    RAW = 0
    FLOAT2 = 5
    FLOAT4 = 6


cdef struct Stored:
    size_t codec
    size_t start
    size_t size
    size_t raw


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
    if size < SMALLEST:
        return -1
    source = &data[0]
    with nogil:
        found = find_lead(source, size, width)
    return found


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


cdef struct Job:
    Py_buffer chunk
    PyObject *result
    size_t used


def pack_floats(list chunks not None, size_t width):
    """Store chunks of floats with narrow exponents; see `planes.pack_floats`."""
    cdef size_t count = len(chunks)
    cdef size_t begun = 0
    cdef size_t i
    cdef Job *jobs
    check_shape(0, width, True)
    jobs = <Job *>calloc(count + 1, sizeof(Job))
    if jobs == NULL:
        raise MemoryError
    try:
        while begun < count:
            PyObject_GetBuffer(chunks[begun], &jobs[begun].chunk, PyBUF_SIMPLE)
            begun += 1
            # Written at its full length and cut: a copy would cost as much as the packing.
            jobs[begun - 1].result = new_bytes(NULL, jobs[begun - 1].chunk.len + STRETCH)
            if jobs[begun - 1].result == NULL:
                raise MemoryError
        with nogil:
            for i in range(count):
                jobs[i].used = pack_chunk(&jobs[i], width)
        return [taken(&jobs[i]) for i in range(count)]
    finally:
        for i in range(begun):
            PyBuffer_Release(&jobs[i].chunk)
            Py_XDECREF(jobs[i].result)
        free(jobs)


cdef size_t pack_chunk(const Job *job, size_t width) noexcept nogil:
    """Fill the room of a result; return how much of it is used, 0 where there is nothing to gain."""
    cdef const uint8_t *source = <const uint8_t *>job.chunk.buf
    cdef size_t size = <size_t>job.chunk.len
    cdef size_t used
    cdef Layout layout
    cdef uint8_t *stored = <uint8_t *>bytes_of(job.result)
    cdef int lead = find_lead(source, size, width) if size >= SMALLEST else -1
    if lead < 0:
        return 0
    layout = layout_of(size, width, lead)
    used = pack_into(source, width, &layout, exponent_base(source, width, &layout), stored, size + STRETCH)
    return used if used < size else 0


cdef object taken(Job *job):
    """Return a result at its length and leave none; None for one that is not used."""
    cdef PyObject *result = job.result
    if not job.used:
        return None
    job.result = NULL
    _PyBytes_Resize(&result, job.used)
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
    cdef bytes result
    cdef uint8_t *target
    cdef bint done
    check_shape(0, width, True)
    if raw_length // 4 > size:
        return None
    result = PyBytes_FromStringAndSize(NULL, raw_length)
    target = <uint8_t *>PyBytes_AS_STRING(result)
    with nogil:
        done = unpack_chunk(source, size, width, target, raw_length)
    return result if done else None


def unpack_chunks(const uint8_t[::1] block not None, list frames not None, size_t raw_length):
    """Unpack chunks that lie in one block; see `compression.decompress_joined`.

    Args:
        block: Holds the stored bytes of all of them.
        frames: Of each chunk: codec, start in the block, stored length, raw length.
        raw_length: The sum of the raw lengths.

    Returns:
        The chunks one after the other, or None where one is stored in another way than plain or as
        floating-point numbers, or is damaged.
    """
    cdef size_t count = len(frames)
    cdef size_t total = 0
    cdef size_t i
    cdef bint done = True
    cdef bytes result
    cdef uint8_t *target
    cdef Stored *jobs = <Stored *>malloc((count + 1) * sizeof(Stored))
    if jobs == NULL:
        raise MemoryError
    try:
        for i in range(count):
            codec, start, size, raw = frames[i]
            jobs[i] = Stored(codec, start, size, raw)
            if jobs[i].start > <size_t>block.shape[0] or jobs[i].size > block.shape[0] - jobs[i].start:
                return None
            total += jobs[i].raw
        if total != raw_length or total // 4 > <size_t>block.shape[0]:
            return None
        result = PyBytes_FromStringAndSize(NULL, total)
        target = <uint8_t *>PyBytes_AS_STRING(result)
        with nogil:
            i = 0
            while done and i < count:
                done = unpack_job(&block[0] + jobs[i].start, &jobs[i], target)
                target += jobs[i].raw
                i += 1
        return result if done else None
    finally:
        free(jobs)


cdef bint unpack_job(const uint8_t *source, const Stored *job, uint8_t *target) noexcept nogil:
    if job.codec == RAW and job.size == job.raw:
        memcpy(target, source, job.raw)
        return True
    if job.codec == FLOAT2:
        return unpack_chunk(source, job.size, 2, target, job.raw)
    if job.codec == FLOAT4:
        return unpack_chunk(source, job.size, 4, target, job.raw)
    return False


cdef bint unpack_chunk(
    const uint8_t *source, size_t size, size_t width, uint8_t *target, size_t raw_length
) noexcept nogil:
    """Fill `target` and say whether the chunk is laid out as `pack_floats` does it, and whole."""
    cdef uint32_t length
    cdef Layout layout
    if size < 1 + width + 4 or source[0] >= width or raw_length < width or raw_length // 4 > size:
        return False
    layout = layout_of(raw_length, width, source[0])
    memcpy(&length, source + 1 + width, 4)
    if source[width] != NARROW or source[1] or (width == 4 and (source[2] or source[3])):
        return False
    if length < 1 + layout.codes or layout.header + layout.low + length + layout.lead + layout.tail != size:
        return False
    return unpack_from(source, width, &layout, length, target) == source + layout.header + layout.low + length


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
