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

#define MANY 16 /* inputs that a kernel takes at most */
#define FEW 2   /* inputs that are as quick one by one */
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

/* Inputs of a kernel, leaves or parents, one in each lane. Lanes that are left over are like the first one. */
typedef struct {
    size_t count, blocks;  /* inputs, and blocks of the longest one, so many of which can be read of each */
    int even;              /* whether all have as many */
    uint32_t flags, begin; /* of all blocks, and further ones of the first one */
    const uint8_t *data[MANY];
    uint64_t counter[MANY];
    uint32_t last[MANY]; /* the number of the last block, */
    uint32_t size[MANY]; /* how many bytes it has, zeros behind them, */
    uint32_t end[MANY];  /* and its further flags */
    uint8_t *value[MANY];
} lanes;

typedef void (*kernel)(const lanes *in);

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

static void one_value(const lanes *in, size_t lane)
{
    uint32_t state[8], block, last = in->last[lane], flags = in->flags | in->begin;
    memcpy(state, START, VALUE);
    for (block = 0; block < last; block++, flags = in->flags)
        compress(state, in->data[lane] + block * BLOCK, BLOCK, in->counter[lane], flags);
    compress(state, in->data[lane] + last * BLOCK, in->size[lane], in->counter[lane], flags | in->end[lane]);
    memcpy(in->value[lane], state, VALUE);
}

/* Inputs that wait until there are enough for all lanes, whichever contents they are of. */
typedef struct {
    kernel hash;
    lanes in;
    uint8_t part[MANY][LEAF]; /* leaves that are not whole */
    uint8_t unused[VALUE];
} queue;

static void flush(queue *waiting)
{
    lanes *in = &waiting->in;
    size_t lane, count = in->count;
    if (count > FEW) {
        in->even = 1;
        in->blocks = 0;
        for (lane = 0; lane < count; lane++) {
            in->even &= in->last[lane] == in->last[0];
            if (in->last[lane] >= in->blocks)
                in->blocks = in->last[lane] + 1;
        }
        for (; lane < MANY; lane++) {
            in->data[lane] = in->data[0];
            in->counter[lane] = in->counter[0];
            in->last[lane] = in->last[0];
            in->size[lane] = in->size[0];
            in->end[lane] = in->end[0];
            in->value[lane] = waiting->unused;
        }
        waiting->hash(in);
    } else
        for (lane = 0; lane < count; lane++)
            one_value(in, lane);
    in->count = 0;
}

static void begin_leaves(queue *waiting, kernel hash)
{
    waiting->hash = hash;
    waiting->in.count = 0;
    waiting->in.flags = 0;
    waiting->in.begin = LEAF_START;
}

static void begin_parents(queue *waiting, kernel hash)
{
    waiting->hash = hash;
    waiting->in.count = 0;
    waiting->in.flags = PARENT;
    waiting->in.begin = 0;
}

static void put(queue *waiting, const uint8_t *data, size_t size, size_t whole, uint64_t counter, uint32_t end,
                uint8_t *value)
{
    lanes *in = &waiting->in;
    size_t lane = in->count++;
    if (size < whole) { /* what is behind it is read too */
        memcpy(waiting->part[lane], data, size);
        memset(waiting->part[lane] + size, 0, LEAF - size);
        data = waiting->part[lane];
    }
    in->data[lane] = data;
    in->counter[lane] = counter;
    in->last[lane] = size ? (uint32_t)((size - 1) / BLOCK) : 0;
    in->size[lane] = (uint32_t)size - in->last[lane] * BLOCK;
    in->end[lane] = end;
    in->value[lane] = value;
    if (in->count == MANY)
        flush(waiting);
}

static size_t leaves_of(size_t size)
{
    return size ? (size + LEAF - 1) / LEAF : 1;
}

/* Have the values of all leaves made, which count on from a number; `flags` are further ones of last blocks. */
static void put_leaves(queue *waiting, const uint8_t *data, size_t size, uint64_t counter, uint32_t flags,
                       uint8_t *values)
{
    size_t i, at, count = leaves_of(size);
    for (i = 0, at = 0; i < count; i++, at += LEAF)
        put(waiting, data + at, i + 1 < count ? LEAF : size - at, LEAF, counter + i, LEAF_END | flags,
            values + i * VALUE);
}

/* Have the parents of neighbours made, elsewhere; one that is left over goes up as it is. */
static size_t put_parents(queue *waiting, const uint8_t *values, size_t count, uint32_t flags, uint8_t *target)
{
    size_t i, pairs = count / 2;
    for (i = 0; i < pairs; i++)
        put(waiting, values + i * BLOCK, BLOCK, BLOCK, 0, flags, target + i * VALUE);
    if (count % 2)
        memcpy(target + pairs * VALUE, values + (count - 1) * VALUE, VALUE);
    return pairs + count % 2;
}

static size_t merge_once(kernel hash, const uint8_t *values, size_t count, uint8_t *target)
{
    queue waiting;
    begin_parents(&waiting, hash);
    count = put_parents(&waiting, values, count, 0, target);
    flush(&waiting);
    return count;
}

/* The values of groups of so many bytes each, a power of two, but for the last one; the rooms are for all leaves. */
static void group_values(kernel hash, const uint8_t *data, size_t size, size_t group, uint64_t counter,
                         uint8_t *room, uint8_t *other, uint8_t *values)
{
    size_t count = leaves_of(size);
    queue waiting;
    begin_leaves(&waiting, hash);
    put_leaves(&waiting, data, size, counter, 0, room);
    flush(&waiting);
    for (; group > LEAF; group /= 2) {
        uint8_t *merged = other;
        count = merge_once(hash, room, count, merged);
        other = room;
        room = merged;
    }
    memcpy(values, room, count * VALUE);
}

/* The digest of what has at least two values; `room` has them, and both are changed. */
static void root_value(kernel hash, uint8_t *room, uint8_t *other, size_t count, uint8_t *value)
{
    queue waiting;
    begin_parents(&waiting, hash);
    while (count > 2) {
        uint8_t *merged = other;
        count = merge_once(hash, room, count, merged);
        other = room;
        room = merged;
    }
    put_parents(&waiting, room, count, ROOT, value);
    flush(&waiting);
}

/* The digests of contents that lie one after the other; the rooms are for all leaves, `counts` for a number each. */
static void content_digests(kernel hash, const uint8_t *data, const uint64_t *sizes, size_t contents, uint8_t *room,
                            uint8_t *other, uint64_t *counts, uint8_t *digests)
{
    size_t i, at = 0, left = 0;
    queue waiting;
    begin_leaves(&waiting, hash);
    for (i = 0; i < contents; data += sizes[i], at += counts[i], i++) {
        counts[i] = leaves_of(sizes[i]);
        put_leaves(&waiting, data, sizes[i], 0, counts[i] == 1 ? ROOT : 0,
                   counts[i] == 1 ? digests + i * VALUE : room + at * VALUE);
        left += counts[i] > 1;
    }
    flush(&waiting);
    begin_parents(&waiting, hash);
    while (left) { /* level by level, all contents together */
        uint8_t *merged = other;
        for (i = 0, at = 0, left = 0; i < contents; at += leaves_of(sizes[i]), i++) {
            int is_root = counts[i] == 2;
            if (counts[i] > 1)
                counts[i] = put_parents(&waiting, room + at * VALUE, counts[i], is_root ? ROOT : 0,
                                        is_root ? digests + i * VALUE : merged + at * VALUE);
            left += counts[i] > 1;
        }
        flush(&waiting);
        other = room;
        room = merged;
    }
}

#else

/* Make the values of inputs, one in each lane. */
TARGET static void KERNEL(const lanes *in)
{
    typedef uint32_t row __attribute__((vector_size(4 * LANES)));
    row state[8], value[8], v[16], w[16], low, high, last, size, end, is_last;
    uint32_t words[8][LANES];
    size_t block, first;
    int i, lane, part;
    for (first = 0; first < in->count; first += LANES) {
        for (i = 0; i < 8; i++)
            value[i] = state[i] = (row){0} + START[i];
        for (lane = 0; lane < LANES; lane++) {
            low[lane] = (uint32_t)in->counter[first + lane];
            high[lane] = (uint32_t)(in->counter[first + lane] >> 32);
        }
        memcpy(&last, in->last + first, sizeof(row));
        memcpy(&size, in->size + first, sizeof(row));
        memcpy(&end, in->end + first, sizeof(row));
        for (block = 0; block < in->blocks; block++) {
            for (part = 0; part < 16 / LANES; part++)
                for (lane = 0; lane < LANES; lane++)
                    memcpy(&w[part * LANES + lane], in->data[first + lane] + block * BLOCK + part * 4 * LANES,
                           4 * LANES);
#if LANES == 16
            EXCHANGE(8)
#endif
#if LANES >= 8
            EXCHANGE(4)
#endif
            EXCHANGE(2)
            EXCHANGE(1)
            is_last = (row)(last == (row){0} + (uint32_t)block);
            for (i = 0; i < 8; i++)
                v[i] = state[i];
            for (i = 0; i < 4; i++)
                v[8 + i] = (row){0} + START[i];
            v[12] = low;
            v[13] = high;
            v[14] = (is_last & size) | (~is_last & BLOCK);
            v[15] = (is_last & end) | (in->flags | (block ? 0 : in->begin));
            ROUNDS();
            for (i = 0; i < 8; i++)
                state[i] = v[i] ^ v[i + 8];
            if (!in->even)
                for (i = 0; i < 8; i++)
                    value[i] = (is_last & state[i]) | (~is_last & value[i]);
        }
        memcpy(words, in->even ? state : value, sizeof(words));
        for (lane = 0; lane < LANES; lane++)
            for (i = 0; i < 8; i++)
                memcpy(in->value[first + lane] + i * 4, &words[i][lane], 4);
    }
}

#endif
