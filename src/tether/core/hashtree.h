/* BLAKE3 of many inputs at once, one in each lane of a vector, by the operators that compilers have for vectors.
 *
 * The file includes itself, once for each set of instructions; which one is used is decided when it runs.
 * What the values are is said in docs/format/recipe.md.
 */

#ifndef KERNEL

#if !defined(__GNUC__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "this compiler or this machine takes the pure way"
#endif

#include <stdint.h>
#include <string.h>

#define MANY 16 /* inputs that a kernel takes */
#define BLOCK 64
#define LEAF 1024
#define VALUE 32

enum { LEAF_START = 1, LEAF_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t START[8] = {0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
                                  0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u};

#define TURN(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
#define MIX(a, b, c, d, x, y)      \
    a = a + b + (x);               \
    d = TURN(d ^ a, 16);           \
    c = c + d;                     \
    b = TURN(b ^ c, 12);           \
    a = a + b + (y);               \
    d = TURN(d ^ a, 8);            \
    c = c + d;                     \
    b = TURN(b ^ c, 7)
#define ROUND(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
    MIX(v[0], v[4], v[8], v[12], w[a], w[b]);                 \
    MIX(v[1], v[5], v[9], v[13], w[c], w[d]);                 \
    MIX(v[2], v[6], v[10], v[14], w[e], w[f]);                \
    MIX(v[3], v[7], v[11], v[15], w[g], w[h]);                \
    MIX(v[0], v[5], v[10], v[15], w[i], w[j]);                \
    MIX(v[1], v[6], v[11], v[12], w[k], w[l]);                \
    MIX(v[2], v[7], v[8], v[13], w[m], w[n]);                 \
    MIX(v[3], v[4], v[9], v[14], w[o], w[p])
#define ROUNDS()                                                     \
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);     \
    ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);     \
    ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);     \
    ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);     \
    ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);     \
    ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);     \
    ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)

/* Columns of two rows exchanged at a distance: once for each power of two, and rows are columns. */
#define UPPER(d, j) (((j) & (d)) ? LANES + ((j) ^ (d)) : (j))
#define LOWER(d, j) (((j) & (d)) ? LANES + (j) : ((j) ^ (d)))
#define ALL4(f, d) f(d, 0), f(d, 1), f(d, 2), f(d, 3)
#define ALL8(f, d) ALL4(f, d), f(d, 4), f(d, 5), f(d, 6), f(d, 7)
#define ALL16(f, d) \
    ALL8(f, d), f(d, 8), f(d, 9), f(d, 10), f(d, 11), f(d, 12), f(d, 13), f(d, 14), f(d, 15)
#define EXCHANGE(d)                                                          \
    for (i = 0; i < 16; i++)                                                 \
        if (!(i & (d))) {                                                    \
            row one = w[i], other = w[i | (d)];                              \
            w[i] = __builtin_shufflevector(one, other, ALL(UPPER, d));       \
            w[i | (d)] = __builtin_shufflevector(one, other, ALL(LOWER, d)); \
        }

typedef void (*kernel)(const uint8_t *data, size_t stride, size_t blocks, uint64_t counter, uint32_t flags,
                       uint8_t *values);

#define KERNEL hash_plain
#define TARGET
#define LANES 4
#define ALL ALL4
#include "hashtree.h"
#undef KERNEL
#undef TARGET
#undef LANES
#undef ALL

#ifdef __x86_64__
#define KERNEL hash_avx2
#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define ALL ALL8
#include "hashtree.h"
#undef KERNEL
#undef TARGET
#undef LANES
#undef ALL
#define KERNEL hash_avx512
#define TARGET __attribute__((target("avx512f")))
#define LANES 16
#define ALL ALL16
#include "hashtree.h"
#undef KERNEL
#undef TARGET
#undef LANES
#undef ALL
#endif

/* The kernel of a name, or the best one if it is empty; NULL where this machine cannot run it. */
static kernel find_kernel(const char *name)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && (!*name || !strcmp(name, "hash_avx512")))
        return hash_avx512;
    if (__builtin_cpu_supports("avx2") && (!*name || !strcmp(name, "hash_avx2")))
        return hash_avx2;
#endif
    return !*name || !strcmp(name, "hash_plain") ? hash_plain : NULL;
}

/* Put one block of at most 64 bytes through the compression; `state` becomes its value. */
static void compress(uint32_t state[8], const uint8_t *data, size_t size, uint64_t counter, uint32_t flags)
{
    uint32_t v[16], w[16] = {0};
    int i;
    memcpy(w, data, size);
    memcpy(v, state, 32);
    memcpy(v + 8, START, 16);
    v[12] = (uint32_t)counter;
    v[13] = (uint32_t)(counter >> 32);
    v[14] = (uint32_t)size;
    v[15] = flags;
    ROUNDS();
    for (i = 0; i < 8; i++)
        state[i] = v[i] ^ v[i + 8];
}

static void leaf_value(const uint8_t *data, size_t size, uint64_t counter, uint32_t last, uint8_t *value)
{
    uint32_t state[8], flags = LEAF_START;
    memcpy(state, START, VALUE);
    while (size > BLOCK) {
        compress(state, data, BLOCK, counter, flags);
        data += BLOCK;
        size -= BLOCK;
        flags = 0;
    }
    compress(state, data, size, counter, flags | LEAF_END | last);
    memcpy(value, state, VALUE);
}

static void parent_value(const uint8_t *pair, uint32_t flags, uint8_t *value)
{
    uint32_t state[8];
    memcpy(state, START, VALUE);
    compress(state, pair, BLOCK, 0, PARENT | flags);
    memcpy(value, state, VALUE);
}

/* Make parents of neighbours in place; one that is left over goes up as it is. Room for 32 more values follows. */
static size_t merge_once(kernel hash, uint8_t *values, size_t count)
{
    uint8_t last[VALUE];
    size_t pairs = count / 2, i;
    memcpy(last, values + (count - 1) * VALUE, VALUE);
    for (i = 0; i < pairs; i += MANY)
        hash(values + i * BLOCK, BLOCK, 1, 0, PARENT, values + i * VALUE);
    if (count % 2)
        memcpy(values + pairs * VALUE, last, VALUE);
    return pairs + count % 2;
}

/* The values of all leaves; `room` is for a value of each and 32 more. Returns how many there are. */
static size_t leaf_values(kernel hash, const uint8_t *data, size_t size, uint64_t counter, uint8_t *room)
{
    size_t whole = size / LEAF, count = (size + LEAF - 1) / LEAF, i = 0;
    uint8_t last[MANY * LEAF];
    for (; i + MANY <= whole; i += MANY)
        hash(data + i * LEAF, LEAF, LEAF / BLOCK, counter + i, 0, room + i * VALUE);
    if (whole - i > MANY / 8) { /* all lanes at once, some of them for nothing, are faster than one by one */
        memcpy(last, data + i * LEAF, (whole - i) * LEAF);
        memset(last + (whole - i) * LEAF, 0, (MANY - (whole - i)) * LEAF);
        hash(last, LEAF, LEAF / BLOCK, counter + i, 0, room + i * VALUE);
        i = whole;
    }
    for (; i < count; i++)
        leaf_value(data + i * LEAF, i < whole ? LEAF : size - i * LEAF, counter + i, 0, room + i * VALUE);
    return count;
}

/* The values of groups of so many bytes each, a power of two, but for the last one; `room` as above. */
static void group_values(kernel hash, const uint8_t *data, size_t size, size_t group, uint64_t counter,
                         uint8_t *room, uint8_t *values)
{
    size_t count = leaf_values(hash, data, size, counter, room);
    for (; group > LEAF; group /= 2)
        count = merge_once(hash, room, count);
    memcpy(values, room, count * VALUE);
}

static void root_value(kernel hash, uint8_t *room, size_t count, uint8_t *value)
{
    while (count > 2)
        count = merge_once(hash, room, count);
    parent_value(room, ROOT, value);
}

/* The digest of a whole content; `room` as above. */
static void content_digest(kernel hash, const uint8_t *data, size_t size, uint8_t *room, uint8_t *value)
{
    if (size > LEAF)
        root_value(hash, room, leaf_values(hash, data, size, 0, room), value);
    else
        leaf_value(data, size, 0, ROOT, value);
}

#else

/* Hash sixteen inputs of whole blocks, one in each lane: leaves, which count on, or parents. */
TARGET static void KERNEL(const uint8_t *data, size_t stride, size_t blocks, uint64_t counter, uint32_t flags,
                          uint8_t *values)
{
    typedef uint32_t row __attribute__((vector_size(4 * LANES)));
    row state[8], v[16], w[16], low, high;
    uint32_t words[8][LANES];
    size_t block, first;
    int i, lane, part;
    uint32_t step = flags & PARENT ? 0 : 1;
    for (first = 0; first < MANY; first += LANES, data += LANES * stride, values += LANES * VALUE) {
        for (i = 0; i < 8; i++)
            state[i] = (row){0} + START[i];
        for (lane = 0; lane < LANES; lane++) {
            uint64_t number = counter + (first + lane) * step;
            low[lane] = (uint32_t)number;
            high[lane] = (uint32_t)(number >> 32);
        }
        for (block = 0; block < blocks; block++) {
            uint32_t mark = flags;
            if (step)
                mark |= (block == 0 ? LEAF_START : 0) | (block + 1 == blocks ? LEAF_END : 0);
            for (part = 0; part < 16 / LANES; part++)
                for (lane = 0; lane < LANES; lane++)
                    memcpy(&w[part * LANES + lane], data + lane * stride + block * BLOCK + part * 4 * LANES,
                           4 * LANES);
#if LANES == 16
            EXCHANGE(8)
#endif
#if LANES >= 8
            EXCHANGE(4)
#endif
            EXCHANGE(2)
            EXCHANGE(1)
            for (i = 0; i < 8; i++)
                v[i] = state[i];
            for (i = 0; i < 4; i++)
                v[8 + i] = (row){0} + START[i];
            v[12] = low;
            v[13] = high;
            v[14] = (row){0} + (uint32_t)BLOCK;
            v[15] = (row){0} + mark;
            ROUNDS();
            for (i = 0; i < 8; i++)
                state[i] = v[i] ^ v[i + 8];
        }
        memcpy(words, state, sizeof(words));
        for (lane = 0; lane < LANES; lane++)
            for (i = 0; i < 8; i++)
                memcpy(values + lane * VALUE + i * 4, &words[i][lane], 4);
    }
}

#endif
